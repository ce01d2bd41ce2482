"""Completion, consistency, repetition and speed of models.

benchmark.py MODEL [MODEL ...]            one column per model
benchmark.py MODEL --json                 the numbers as JSON on stdout

Sanity checks and speed, for a first look. For numbers to publish use evaluate.py.
"""

from __future__ import annotations

import argparse
from typing import Any

from babyllama import console
from babyllama.cli.evaluate import add_model_arguments, load
from babyllama.console import json_text
from babyllama.text import significant

ROWS = (
    ("completion", "accuracy", "sensible completions preferred"),
    ("consistency", "self_bleu", "self-BLEU of samples (1: all alike)"),
    ("consistency", "distinct_2", "distinct 2-grams of samples"),
    ("consistency", "repeatable", "a seed repeats itself"),
    ("repetition", "sampled_repetition", "repeated 4-grams, sampled"),
    ("repetition", "greedy_repetition", "repeated 4-grams, greedy"),
    ("speed", "read_tokens_per_second", "tokens/s reading"),
    ("speed", "generated_tokens_per_second", "tokens/s generating"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Models and the form of the output."""
    parser.add_argument("models", nargs="+", metavar="MODEL", help="run folder, model folder, checkpoint or Hub name")
    parser.add_argument("--json", action="store_true", help="print the results as JSON on stdout, nothing else there")
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run all benchmarks on each model and print one table; a run keeps its numbers in evaluation/benchmark.json."""
    from babyllama.artifacts import write_json
    from babyllama.runs import locate_model

    for path in args.models:
        locate_model(path)  # a mistyped path is answered before any model library is imported
    with console.progress("loading"):
        from babyllama.device import set_threads
        from babyllama.evaluation.suite import BenchmarkSuite

    set_threads()
    reports: list[dict[str, Any]] = []
    for path in args.models:
        loaded = load(args, path)
        console.say(f"benchmarking {loaded.name} ...")
        report = BenchmarkSuite(loaded).run_all_benchmarks()
        reports.append(report)
        folder = loaded.place.results
        if folder is not None:
            write_json(folder / "benchmark.json", report)
    if args.json:
        print(json_text(reports[0] if len(reports) == 1 else reports, indent=2))
    else:
        _show(reports)
    return 0


def _show(reports: list[dict[str, Any]]) -> None:
    from babyllama.evaluation.results import Table
    from babyllama.reporting.terminal import print_tables

    rows = []
    for benchmark, key, label in ROWS:
        values = [report[benchmark][key] for report in reports]
        rows.append((label, *("yes" if v is True else "no" if v is False else significant(v) for v in values)))
    title = "benchmarks: sanity checks and speed (the numbers to publish come from evaluate)"
    print_tables([Table(title, [report["model"] for report in reports], rows)])
