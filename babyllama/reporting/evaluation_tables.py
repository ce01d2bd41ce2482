"""Evaluation results as tables for the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from babyllama.evaluation.statistics import wilson

PIPE_WIDTH = 120
"""Columns when the output is no terminal."""

_PAIR_COLUMNS = ("accuracy %", "95 % interval", "pairs", "ties")


def make_console(file: IO[str] | None = None) -> Console:
    """A console on `file` (default: stdout), wide enough for the tables when piped."""
    stream = file or sys.stdout
    return Console(file=stream, width=None if stream.isatty() else PIPE_WIDTH, highlight=False)


def minimal_pairs_report(name: str, results: Mapping[str, Any]) -> Group:
    """The table by field, term and paradigm, the length-bias table and the averages of one set of minimal pairs."""
    table = _table(_PAIR_COLUMNS)
    by_field: dict[str, dict[str, list[str]]] = {}
    for uid, row in results["paradigms"].items():
        by_field.setdefault(row["field"], {}).setdefault(row["term"], []).append(uid)
    for field, terms in by_field.items():
        table.add_row(*_cells(field, results["fields"][field]), style="bold")
        for term, uids in terms.items():
            rows = [results["paradigms"][uid] for uid in uids]
            if term != field:
                table.add_row(*_cells(f"  {term}", _joined(rows)))
            if uids != [term]:
                for uid, row in zip(uids, rows, strict=True):
                    table.add_row(*_cells(f"    {uid}", row), style="dim")
    bias = _table(_PAIR_COLUMNS)
    for key, label in (("good_longer", "longer"), ("equal", "equal"), ("good_shorter", "shorter")):
        bias.add_row(*_cells(f"good sentence {label}", results["length_bias"][key]))
    title = (
        f"{name}: {percent(results['accuracy'])} % over {results['average_of']} (95 % interval "
        f"{percent(results['accuracy_low'])} to {percent(results['accuracy_high'])})"
    )
    counts = (
        f"{results['n']:,} pairs, protocol {results['protocol']}, {results['ties']} ties, {results['nan']} not a number"
    )
    heading = Group(Text(title, style="bold"), Text(counts))
    return Group(
        heading, Text(), table, Text(), Text("does length decide? (in tokens)"), bias, Text(), Text(averages(results))
    )


def averages(results: Mapping[str, Any]) -> str:
    """The customary averages side by side."""
    text = (
        f"averages, %: over paradigms {percent(results['accuracy'])}, over pairs "
        f"{percent(results['accuracy_over_pairs'])}, over terms {percent(results['accuracy_over_terms'])}"
    )
    if "accuracy_with_ties_as_half" in results:
        text += f"; over paradigms with each tie as one half {percent(results['accuracy_with_ties_as_half'])}"
    return text


def perplexity_report(results: Mapping[str, Any]) -> Group:
    """Perplexity per file and in all."""
    table = _table(("perplexity", "unigram", "bits per byte", "per word", "tokens", "documents"))
    for name, row in {**results.get("domains", {}), "all": results}.items():
        unigram = row.get("unigram_perplexity")
        table.add_row(
            name,
            number(row["perplexity"]),
            number(unigram) if unigram is not None else "",
            f"{row['bits_per_byte']:.4f}" if row["bits_per_byte"] is not None else "-",
            number(row["word_perplexity"]),
            f"{row['tokens']:,}",
            f"{row['documents']:,}",
            style="bold" if name == "all" else None,
        )
    return _titled("perplexity per document (beginning mark as first context, end mark not counted)", table)


def generation_report(results: Mapping[str, Any]) -> Group:
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
    table = _table(("value",))
    for key, label in labels.items():
        if results.get(key) is not None:
            table.add_row(label, number(results[key]))
    return _titled(f"generation: {len(results['samples'])} samples, seed {results['settings']['seed']}", table)


def benchmark_report(reports: Sequence[Mapping[str, Any]], rows: Sequence[tuple[str, str, str]]) -> Group:
    """One column per model; `rows` are (benchmark, key, label)."""
    table = _table([report["model"] for report in reports])
    for benchmark, key, label in rows:
        values = [report[benchmark][key] for report in reports]
        table.add_row(label, *("yes" if v is True else "no" if v is False else number(v) for v in values))
    return _titled("benchmarks: sanity checks and speed (the numbers to publish come from evaluate)", table)


def comparison_report(comparison: Mapping[str, Any]) -> Group:
    """Models side by side on each set of minimal pairs, with the differences a paired test supports."""
    parts: list[Any] = []
    for name, found in comparison.get("minimal_pairs", {}).items():
        models = found["models"]
        table = _table(_headings([model["model"] for model in models]))
        for term in models[0]["terms"]:
            table.add_row(term, *(percent(model["terms"][term]) for model in models))
        table.add_row("mean over paradigms", *(percent(model["accuracy"]) for model in models), style="bold")
        intervals = (f"{percent(model['interval'][0])} to {percent(model['interval'][1])}" for model in models)
        table.add_row("95 % interval", *intervals)
        parts.append(_titled(f"{name}: accuracy %, {found['n']:,} pairs, protocol {found['protocol']}", table))
        parts += [_test_report(test) for test in found["tests"]]
    if "perplexity" in comparison:
        rows = comparison["perplexity"]
        table = _table(_headings([row["model"] for row in rows]))
        for key, label in (
            ("perplexity", "per token"),
            ("word_perplexity", "per word"),
            ("bits_per_byte", "bits per byte"),
        ):
            table.add_row(label, *(number(row[key]) for row in rows))
        parts.append(_titled("perplexity (per token: only between models with one tokenizer)", table))
    return Group(*(item for part in parts for item in (part, Text())))


def _headings(models: Sequence[str]) -> list[str]:
    """Short names for columns: checkpoints of one run without its name, in words that may stand below one another."""
    if len({model.split("/")[0] for model in models}) > 1 or len(set(models)) < 2:
        return list(models)
    within = [model.split("/", 1)[1] if "/" in model else "final" for model in models]
    return [name.replace("checkpoint-", "step ") for name in within]


def _test_report(test: Mapping[str, Any]) -> Group:
    """The paradigms whose difference is supported, largest first."""
    supported = {uid: row for uid, row in test["paradigms"].items() if row["supported"]}
    overall = test["overall"]
    lines = [
        f"{test['second']} against {test['first']}: right where the other is wrong in {overall['only_second']:,} pairs, "
        f"wrong where it is right in {overall['only_first']:,} (McNemar p = {overall['p']:.2g})",
        f"differences supported in {len(supported)} of {len(test['paradigms'])} paradigms (McNemar, Holm-corrected p < 0.05)",
    ]
    parts: list[Any] = [Text("\n".join(lines))]
    if supported:
        table = _table(("difference", "corrected p"))
        for uid, row in sorted(supported.items(), key=lambda item: -abs(item[1]["difference"])):
            table.add_row(uid, f"{100 * row['difference']:+.2f}", f"{row['p_corrected']:.2g}")
        parts.append(table)
    return Group(*parts)


def percent(value: float | None) -> str:
    """A fraction as per cent with two decimals."""
    return "-" if value is None else f"{100 * value:.2f}"


def number(value: float | None) -> str:
    """A number with as many decimals as it deserves."""
    if value is None:
        return "-"
    return f"{value:,.4g}" if abs(value) < 100 else f"{value:,.1f}" if abs(value) < 1e7 else f"{value:.3g}"


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", overflow="fold")
    return table


def _titled(title: str, table: Table) -> Group:
    return Group(Text(title, style="bold"), table)


def _cells(name: str, row: Mapping[str, Any]) -> Sequence[str]:
    if not row["n"]:
        return name, "-", "", "0", "0"
    interval = f"{percent(row['low'])} to {percent(row['high'])}"
    return name, percent(row["accuracy"]), interval, f"{row['n']:,}", str(row["ties"])


def _joined(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Numbers of several paradigms together, counted over their pairs."""
    n = sum(row["n"] for row in rows)
    correct = sum(round(row["accuracy"] * row["n"]) for row in rows)
    low, high = wilson(correct, n)
    return {"accuracy": correct / n, "n": n, "ties": sum(row["ties"] for row in rows), "low": low, "high": high}
