"""Evaluation results as tables for the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 110
"""Columns when the output is no terminal."""


def make_console(file: IO[str] | None = None) -> Console:
    """A console on `file` (default: stdout), wide enough for the tables when piped."""
    stream = file or sys.stdout
    return Console(file=stream, width=None if stream.isatty() else PIPE_WIDTH, highlight=False, soft_wrap=False)


def minimal_pair_tables(name: str, results: Mapping[str, Any]) -> list[Table]:
    """The full table by field, term and paradigm, and the length-bias table, of one set of minimal pairs."""
    title = (
        f"{name}: {percent(results['accuracy'])} % over {results['average_of']} (95 % interval "
        f"{percent(results['accuracy_low'])} to {percent(results['accuracy_high'])}), {results['n']:,} pairs, protocol "
        f"{results['protocol']}, {results['ties']} ties"
    )
    table = _table(title)
    for column in ("accuracy %", "95 % interval", "pairs", "ties"):
        table.add_column(column, justify="right")
    by_field: dict[str, dict[str, list[str]]] = {}
    for uid, row in results["paradigms"].items():
        by_field.setdefault(row["field"], {}).setdefault(row["term"], []).append(uid)
    for field, terms in by_field.items():
        table.add_row(*_cells(field, results["fields"][field]), style="bold")
        for term, uids in terms.items():
            rows = [results["paradigms"][uid] for uid in uids]
            table.add_row(*_cells(f"  {term}", _joined(rows)))
            if uids != [term]:
                for uid, row in zip(uids, rows, strict=True):
                    table.add_row(*_cells(f"    {uid}", row), style="dim")
    bias = _table("does length decide? (tokens of the good sentence against the bad one)")
    for column in ("accuracy %", "95 % interval", "pairs", "ties"):
        bias.add_column(column, justify="right")
    for key, label in (("good_longer", "longer"), ("equal", "equal"), ("good_shorter", "shorter")):
        bias.add_row(*_cells(label, results["length_bias"][key]))
    return [table, bias]


def averages_line(results: Mapping[str, Any]) -> str:
    """The customary averages side by side."""
    text = (
        f"mean over paradigms {percent(results['accuracy'])}, over pairs {percent(results['accuracy_over_pairs'])}, "
        f"over terms {percent(results['accuracy_over_terms'])}"
    )
    if "accuracy_with_ties_as_half" in results:
        text += f", ties as one half {percent(results['accuracy_with_ties_as_half'])}"
    return text


def perplexity_table(results: Mapping[str, Any]) -> Table:
    """Perplexity per file and in all."""
    table = _table("perplexity per document (<s> as first context, </s> not counted)")
    columns = ("perplexity", "unigram", "bits per byte", "per word", "tokens", "documents")
    for column in columns:
        table.add_column(column, justify="right")
    for name, row in {**results.get("domains", {}), "all": results}.items():
        unigram = row.get("unigram_perplexity")
        table.add_row(
            name,
            number(row["perplexity"]),
            number(unigram) if unigram is not None else "",
            f"{row['bits_per_byte']:.4f}" if row["bits_per_byte"] is not None else "",
            number(row["word_perplexity"]),
            f"{row['tokens']:,}",
            f"{row['documents']:,}",
            style="bold" if name == "all" else None,
        )
    return table


def generation_table(results: Mapping[str, Any]) -> Table:
    """Statistics of samples."""
    labels = {
        "distinct_1": "distinct words",
        "distinct_2": "distinct 2-grams",
        "distinct_3": "distinct 3-grams",
        "self_bleu": "self-BLEU (1: all alike)",
        "repetition": "repeated 4-grams within a sample",
        "mean_words": "words per sample",
        "entropy": "entropy of predictions, bits",
        "top_1_probability": "probability of the likeliest token",
        "top_5_probability": "probability of the five likeliest",
        "token_probability": "probability of the token that came",
        "median_rank": "its median rank",
    }
    table = _table(f"generation: {len(results['samples'])} samples, seed {results['settings']['seed']}")
    table.add_column("value", justify="right")
    for key, label in labels.items():
        if results.get(key) is not None:
            table.add_row(label, number(results[key]))
    return table


def percent(value: float | None) -> str:
    """A fraction as per cent with two decimals."""
    return "-" if value is None else f"{100 * value:.2f}"


def number(value: float | None) -> str:
    """A positive number with as many decimals as it deserves."""
    if value is None:
        return "-"
    return f"{value:,.4g}" if abs(value) < 100 else f"{value:,.1f}" if abs(value) < 1e7 else f"{value:.3g}"


def _table(title: str) -> Table:
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    return table


def _cells(name: str, row: Mapping[str, Any]) -> Sequence[str]:
    if not row["n"]:
        return name, "-", "", "0", "0"
    interval = f"{percent(row['low'])} to {percent(row['high'])}"
    return name, percent(row["accuracy"]), interval, f"{row['n']:,}", str(row["ties"])


def _joined(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Numbers of several paradigms together, counted over their pairs."""
    from babyllama.evaluation.statistics import wilson

    n = sum(row["n"] for row in rows)
    correct = sum(round(row["accuracy"] * row["n"]) for row in rows)
    low, high = wilson(correct, n)
    return {"accuracy": correct / n, "n": n, "ties": sum(row["ties"] for row in rows), "low": low, "high": high}


def comparison_tables(comparison: Mapping[str, Any]) -> list[Table]:
    """Models side by side: minimal pairs by term and by paradigm, and perplexity."""
    tables = []
    for name, found in comparison.get("minimal_pairs", {}).items():
        models = found["models"]
        table = _table(f"{name}, accuracy %, {found['n']:,} pairs, protocol {found['protocol']}")
        for model in models:
            table.add_column(model["model"], justify="right", overflow="fold")
        for term in models[0]["terms"]:
            table.add_row(term, *(percent(model["terms"][term]) for model in models))
        table.add_row("mean over paradigms", *(percent(model["accuracy"]) for model in models), style="bold")
        intervals = (f"{percent(model['interval'][0])} to {percent(model['interval'][1])}" for model in models)
        table.add_row("95 % interval", *intervals)
        tables += [table, *(_test_table(test) for test in found["tests"])]
    return tables


def _test_table(test: Mapping[str, Any]) -> Table:
    """The paradigms whose difference is supported, largest first."""
    supported = {uid: row for uid, row in test["paradigms"].items() if row["supported"]}
    overall = test["overall"]
    table = _table(
        f"{test['second']} against {test['first']}: right alone in {overall['only_second']:,} and {overall['only_first']:,} "
        f"pairs (McNemar p = {overall['p']:.2g}); supported in {len(supported)} of {len(test['paradigms'])} paradigms "
        "(Holm-corrected p < 0.05)"
    )
    for column in ("difference", "corrected p"):
        table.add_column(column, justify="right")
    for uid, row in sorted(supported.items(), key=lambda item: -abs(item[1]["difference"])):
        table.add_row(uid, f"{100 * row['difference']:+.2f}", f"{row['p_corrected']:.2g}")
    return table


def benchmark_table(reports: Sequence[Mapping[str, Any]], rows: Sequence[tuple[str, str, str]]) -> Table:
    """One column per model; `rows` are (benchmark, key, label)."""
    table = _table("benchmarks (sanity checks; publish numbers of evaluate instead)")
    for report in reports:
        table.add_column(report["model"], justify="right", overflow="fold")
    for benchmark, key, label in rows:
        values = [report[benchmark][key] for report in reports]
        shown = ["yes" if v is True else "no" if v is False else number(v) for v in values]
        table.add_row(label, *shown)
    return table
