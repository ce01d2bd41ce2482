"""Surprisal of every word of a text.

babyllama surprisal MODEL --text sentences.txt                     one sentence per line; CSV on stdout
babyllama surprisal MODEL --text sentences.txt --output words.tsv  TSV (or .csv, .jsonl) into a file
babyllama surprisal MODEL --text items.csv --text-column sentence --keep-columns item,condition
echo "The cat sleeps." | babyllama surprisal MODEL --text -        from standard input

Columns: sentence (line number), those of --keep-columns, index (of the word), word, start, end (characters in the line), tokens
(sub-words), surprisal (bits, plain sum over sub-words), surprisal_corrected (bits, with the space counted to the word it follows).
In CSV and TSV a word that a spreadsheet would take for a formula (= + - @ in front) has an apostrophe before it; .jsonl has none.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, Any

from babyllama import console
from babyllama.cli.arguments import output_file
from babyllama.cli.evaluate import add_model_arguments, load
from babyllama.console import json_text
from babyllama.text import csv_cell

FORMATS = ("csv", "tsv", "jsonl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the text and where the rows go."""
    parser.add_argument("model", metavar="MODEL", help="run folder, model folder, checkpoint or Hub name")
    parser.add_argument(
        "--text", required=True, metavar="FILE", help="UTF-8 text, one sentence per line; - reads stdin"
    )
    parser.add_argument(
        "--text-column", metavar="NAME", help="--text is a table (.csv, .tsv, .jsonl): the column with the sentences"
    )
    parser.add_argument(
        "--keep-columns", metavar="LIST", help="columns of that table for every row of its words: item,condition"
    )
    parser.add_argument("--output", type=output_file, metavar="FILE", help="where the rows go (default: stdout)")
    parser.add_argument("--format", choices=FORMATS, help="default: by the output's suffix, else csv")
    parser.add_argument(
        "--whole-text", action="store_true", help="read the whole file as one text instead of one text per line"
    )
    parser.add_argument(
        "--split-punctuation", action="store_true", help="a row of its own for what stands around a word's letters"
    )
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write the rows; with --output the file appears when it is complete."""
    from babyllama.artifacts import atomic_file
    from babyllama.errors import DataError
    from babyllama.runs import locate_model

    suffix = Path(args.output).suffix.lstrip(".") if args.output else ""
    form = args.format or (suffix if suffix in FORMATS else "csv")
    names = [name.strip() for name in (args.keep_columns or "").split(",") if name.strip()]
    if names and (args.whole_text or not args.text_column):
        raise DataError("--keep-columns needs --text-column, which says that --text is a table, and not --whole-text.")
    texts, kept = _table(args.text, args.text_column, names) if args.text_column else (_lines(args.text), [])
    if not any(text.strip() for text in texts):
        raise DataError(f"--text {args.text}: there is no text in it.")
    locate_model(args.model)  # a mistyped path is answered before any model library is imported
    with console.progress("loading"):
        from babyllama.device import set_threads
        from babyllama.evaluation.surprisal import surprisal

    set_threads()
    loaded = load(args, args.model)
    whole = ["\n".join(texts)] if args.whole_text else texts
    rows = surprisal(loaded, whole, split_punctuation=args.split_punctuation)
    found = ({**asdict(row), **(kept[row.sentence - 1] if kept else {})} for row in rows)
    if args.output is None:
        _write(sys.stdout, found, form, names)
        return 0
    with atomic_file(args.output) as handle:
        count = _write(handle, found, form, names)
    console.say(f"{count:,} words: {args.output}")
    return 0


def _table(file: str, column: str, names: Sequence[str]) -> tuple[list[str], list[dict[str, Any]]]:
    """(sentences, kept columns of each) of a table."""
    from babyllama.errors import DataError
    from babyllama.evaluation.pairs.formats import table_rows
    from babyllama.evaluation.surprisal import WordSurprisal

    taken = sorted(set(names) & {one.name for one in fields(WordSurprisal)})
    if taken:
        raise DataError(f"--keep-columns {taken[0]}: the output has a column of that name itself. Rename it in {file}.")
    texts, kept = [], []
    for where, row in table_rows("\n".join(_lines(file)), file):
        missing = [name for name in (column, *names) if name not in row]
        if missing or not isinstance(row[column], str):
            have = ", ".join(map(repr, row))
            raise DataError(f"{where}: no text in {missing[0] if missing else column!r}; there are {have}.")
        texts.append(row[column])
        kept.append({name: row[name] for name in names})
    return texts, kept


def _lines(text: str) -> list[str]:
    """The lines of the file (of standard input for -), without a byte-order mark; parted at line feeds only."""
    from babyllama.artifacts import read_bytes
    from babyllama.errors import DamagedFileError, DataError

    try:
        data = sys.stdin.buffer.read() if text == "-" else read_bytes(text)
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"--text {text}: not UTF-8 text ({error.reason} at byte {error.start}).") from error
    except (OSError, DamagedFileError) as error:
        raise DataError(f"--text {text}: cannot be read ({getattr(error, 'strerror', None) or error}).") from error
    return [line.rstrip("\r") for line in (lines if lines[-1] else lines[:-1])]


def _write(handle: IO[str], rows: Iterable[dict[str, Any]], form: str, kept: Sequence[str]) -> int:
    from babyllama.evaluation.surprisal import WordSurprisal

    first, *others = (field.name for field in fields(WordSurprisal))
    names = [first, *kept, *others]
    count = 0
    writer = csv.writer(handle, delimiter="\t" if form == "tsv" else ",", lineterminator="\n")
    if form != "jsonl":
        writer.writerow(map(csv_cell, names))
    for row in rows:
        if form == "jsonl":
            handle.write(json_text({name: row[name] for name in names}, stream=handle) + "\n")
        else:
            writer.writerow([_cell(row[name]) for name in names])
        count += 1
    return count


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6f}"
    return csv_cell(value) if isinstance(value, str) else value
