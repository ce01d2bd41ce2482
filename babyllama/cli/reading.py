"""How much of reading times (or any measure of words) does a model's surprisal explain? For a table of one's own.

babyllama reading MODEL --data my.csv --formula "time ~ frequency * length + surprisal"
babyllama reading MODEL --data my.csv --formula "time ~ (length + previous_surprisal)**2 + surprisal" --output words.csv

The table has a row for each word: the word, the text before it in its sentence without the space between (empty for the first
word), and numbers. `surprisal` (bits) and `previous_surprisal` (of the word before, where there is one) are added to its columns.
Both models, with and without the terms of surprisal, are fitted by ordinary least squares to the rows that have all numbers.
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama import console
from babyllama.artifacts import atomic_file, read_text
from babyllama.cli.arguments import output_file
from babyllama.cli.evaluate import add_model_arguments, load
from babyllama.cli.suites import BACKENDS
from babyllama.console import json_text
from babyllama.errors import DamagedFileError, DataError, EvaluationError
from babyllama.text import csv_cell, significant

if TYPE_CHECKING:
    from babyllama.evaluation.regression import Formula

ADDED = ("surprisal", "previous_surprisal")
"""Columns that the model gives."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the table, and the formula."""
    parser.add_argument("model", metavar="MODEL", help="run folder, model folder, checkpoint or Hub name")
    parser.add_argument(
        "--data", required=True, metavar="FILE", help="table with a line of headings: .csv or .tsv, UTF-8"
    )
    parser.add_argument(
        "--formula", required=True, metavar="TEXT", help="time ~ a * b + surprisal; terms: a, a:b, a*b, (a + b)**2"
    )
    parser.add_argument("--word-column", default="word", metavar="NAME", help="column of the word (default: word)")
    parser.add_argument(
        "--context-column", default="item", metavar="NAME", help="column of the text before it (default: item)"
    )
    parser.add_argument(
        "--scorer",
        choices=("correct", "official"),
        default="correct",
        help="the word as it stands in the text, or as the BabyLM pipelines take it (default: correct)",
    )
    parser.add_argument(
        "--backend", choices=BACKENDS, default="auto", help="default: mlm for masked models, else causal"
    )
    parser.add_argument(
        "--output", type=output_file, metavar="FILE", help="write the table with the surprisals there, as CSV"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Score the words, fit both models, print what surprisal explains."""
    from babyllama.evaluation.regression import Formula
    from babyllama.runs import locate_model

    formula = Formula.parse(args.formula)
    if not any("surprisal" in term for term in formula.terms):
        raise EvaluationError(f"--formula {args.formula!r}: no term holds surprisal, so there is nothing to compare.")
    rows = _read(Path(args.data))
    _check_columns(args, formula, rows)
    locate_model(args.model)  # a mistyped path is answered before any model library is imported
    with console.progress("loading"):
        import numpy as np

        from babyllama.device import set_threads
        from babyllama.evaluation.regression import explained
    set_threads()
    table = {
        name: np.array([_number(row, name, k, args.data) for k, row in enumerate(rows, 1)])
        for name in formula.columns
        if name not in ADDED
    }
    table |= _surprisals(args, rows)
    found = explained(formula, table, "surprisal")
    numbers = {
        "rows": found.rows,
        "r_squared_without": found.without,
        "r_squared_with": found.with_it,
        "gain_percent": found.gain,
        "log_likelihood_gain": found.log_likelihood,
        "log_likelihood_gain_per_row": found.log_likelihood / found.rows,
    }
    if args.output:
        _write(args.output, rows, table)
    if args.json:
        print(json_text({"model": args.model, "formula": args.formula, "scorer": args.scorer, **numbers}, indent=2))
        return 0
    from babyllama.evaluation.results import Table
    from babyllama.reporting.terminal import print_tables

    shown = [
        ("rows", f"{found.rows:,} of {len(rows):,}"),
        ("R2 without surprisal", f"{found.without:.4f}"),
        ("R2 with surprisal", f"{found.with_it:.4f}"),
        ("part of the rest that it explains, %", f"{found.gain:.2f}"),
        ("gain in log-likelihood, nats", significant(found.log_likelihood)),
        ("the same per row", f"{found.log_likelihood / found.rows:.5f}"),
    ]
    print_tables([Table(f"{formula.target}, surprisal by scorer {args.scorer}", ("value",), shown)])
    return 0


def _surprisals(args: argparse.Namespace, rows: list[dict[str, str]]) -> dict[str, Any]:
    """`surprisal` and `previous_surprisal` of each row, bits; NaN where there is none."""
    import numpy as np

    from babyllama.evaluation.reading_times import InContext, surprisals
    from babyllama.evaluation.scoring.backends import backend_of, scorer_for

    loaded = load(args, args.model)
    backend = backend_of(loaded, args.backend)
    here = [InContext(row[args.context_column].rstrip(), row[args.word_column].strip()) for row in rows]
    before = [one.before.rpartition(" ") for one in here]
    has_previous = [number for number, (_, _, word) in enumerate(before) if word]
    previous = [InContext(before[number][0].rstrip(), before[number][2]) for number in has_previous]
    with console.progress("surprisal") as bar:
        scorer = scorer_for(loaded, backend)
        values, _ = surprisals(loaded.tokenizer, scorer, [*here, *previous], backend, args.scorer, bar.update)
    bits = values / math.log(2)
    last = np.full(len(rows), np.nan)
    last[has_previous] = bits[len(rows) :]
    return {"surprisal": bits[: len(rows)], "previous_surprisal": last}


def _read(file: Path) -> list[dict[str, str]]:
    try:
        lines = read_text(file).removeprefix("\ufeff").splitlines()
        rows = list(csv.DictReader(lines, delimiter="\t" if file.suffix.lower() == ".tsv" else ",", restval=""))
    except (OSError, UnicodeDecodeError, csv.Error, DamagedFileError) as error:
        raise DataError(f"--data {file}: cannot be read ({getattr(error, 'strerror', None) or error}).") from error
    if not rows:
        raise DataError(f"--data {file}: no rows below the line of headings.")
    return rows


def _check_columns(args: argparse.Namespace, formula: Formula, rows: list[dict[str, str]]) -> None:
    from babyllama.registry import suggestion

    there = [str(name) for name in rows[0]]
    for name in (args.word_column, args.context_column, *formula.columns):
        if name not in there and name not in ADDED:
            raise DataError(f"--data {args.data} has no column {name!r}; {suggestion(name, there)}.")
    empty = next((number for number, row in enumerate(rows, 1) if not row[args.word_column].strip()), None)
    if empty is not None:
        raise DataError(f"--data {args.data}, row {empty}: {args.word_column!r} is empty.")


def _number(row: dict[str, str], name: str, place: int, file: str) -> float:
    text = (row[name] or "").strip()
    try:
        return float(text) if text not in ("", "NA") else math.nan
    except ValueError as error:
        raise DataError(f"--data {file}, row {place}: {name!r} holds no number ({text!r}).") from error


def _write(file: str, rows: list[dict[str, str]], table: dict[str, Any]) -> None:
    names = [str(name) for name in rows[0] if name not in ADDED]
    with atomic_file(file) as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow([csv_cell(name) for name in (*names, *ADDED)])
        for number, row in enumerate(rows):
            values = (table[name][number] for name in ADDED)
            writer.writerow(
                [*(csv_cell(row[name] or "") for name in names), *("" if math.isnan(v) else f"{v:.6f}" for v in values)]
            )
    console.say(f"{len(rows):,} words: {file}")
