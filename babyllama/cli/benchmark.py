"""Completion, consistency, repetition and speed of models.

benchmark.py MODEL [MODEL ...]            one column per model
benchmark.py A B C --output comparison.json        the numbers and a picture, comparison.png
benchmark.py MODEL --benchmark-config mine.yaml    completion items, prompts and batch sizes of your own
benchmark.py blocks                       what a training step of each family is made of on this machine
benchmark.py MODEL --json                 the numbers as JSON on stdout

Sanity checks and speed, for a first look. For numbers to publish use evaluate.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from babyllama import console
from babyllama.cli.arguments import output_file
from babyllama.cli.evaluate import add_model_arguments, load
from babyllama.console import json_text
from babyllama.errors import ConfigError
from babyllama.text import file_size, significant

CHECKS = (
    ("completion", "accuracy", "sensible completions preferred"),
    ("consistency", "self_bleu", "self-BLEU of samples (1: all alike)"),
    ("consistency", "distinct_2", "distinct 2-grams of samples"),
    ("consistency", "repeatable", "a seed repeats itself"),
    ("repetition", "sampled_repetition", "repeated 4-grams, sampled"),
    ("repetition", "greedy_repetition", "repeated 4-grams, greedy"),
)
"""Of what is written."""

LATENCY = (("first_token_ms", "first token, ms"), ("token_ms", "each further token, ms"))
BY_BATCH = (("prefill_tokens_per_second", "tokens/s reading"), ("decode_tokens_per_second", "tokens/s writing"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Models and the form of the output."""
    parser.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help="run folder, model folder, checkpoint or Hub name; or the word `blocks`",
    )
    parser.add_argument("--config", metavar="YAML", help="blocks: width, layers, batch and vocabulary of this file")
    parser.add_argument(
        "--families", metavar="LIST", help="blocks: comma-separated model types (default: every family with a file)"
    )
    parser.add_argument(
        "--benchmark-config", metavar="FILE", help="YAML with your own completion items, prompts and batch sizes"
    )
    parser.add_argument(
        "--output",
        type=output_file,
        metavar="FILE",
        help="write the results as JSON there, and a picture of them beside it (.png)",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON on stdout, nothing else there")
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run all benchmarks on each model and print one table; a run keeps its numbers in evaluation/benchmark.json."""
    if args.models == ["blocks"]:
        from babyllama.cli.block_tables import run_blocks

        return run_blocks(args)
    if "blocks" in args.models and not Path("blocks").exists():
        raise ConfigError(
            "`benchmark blocks` measures a training step of each family, of no model that is there: leave the other names away. "
            "--families picks families, --config the sizes."
        )
    from babyllama.artifacts import write_json
    from babyllama.runs import locate_model

    if args.output and Path(args.output).suffix == ".png":
        raise ConfigError(f"--output {args.output}: name the .json file; the picture goes beside it.")
    for path in args.models:
        locate_model(path)  # a mistyped path is answered before any model library is imported
    with console.progress("loading"):
        from babyllama.device import set_threads
        from babyllama.evaluation.benchmark_suite import BenchmarkSuite, benchmark_config

        config = benchmark_config(args.benchmark_config)
    set_threads()
    reports: list[dict[str, Any]] = []
    for path in args.models:
        loaded = load(args, path)
        console.say(f"benchmarking {loaded.name} ...")
        report = BenchmarkSuite(loaded, config=config).run_all_benchmarks()
        reports.append(report)
        folder = loaded.place.results
        if folder is not None:
            write_json(folder / "benchmark.json", report)
    if args.output:
        from babyllama.reporting.benchmark_plot import draw_benchmarks

        write_json(args.output, {"models": reports})
        picture = draw_benchmarks(reports, Path(args.output).with_suffix(".png"))
        console.say(f"results: {args.output}, picture: {picture}")
    if args.json:
        print(json_text(reports[0] if len(reports) == 1 else reports, indent=2))
    else:
        _show(reports)
    return 0


def _show(reports: list[dict[str, Any]]) -> None:
    from babyllama.evaluation.results import Table
    from babyllama.reporting.terminal import print_tables

    rows = []
    for benchmark, key, label in CHECKS:
        values = [report[benchmark][key] for report in reports]
        rows.append((label, *("yes" if v is True else "no" if v is False else significant(v) for v in values)))
    models = [report["model"] for report in reports]
    speed = [report["speed"] for report in reports]
    fast: list[tuple[str, ...]] = []
    for key, label in BY_BATCH:
        for number, batch in enumerate(row["batch"] for row in speed[0]["by_batch"]):
            values = [one["by_batch"][number][key] for one in speed]
            fast.append((f"{label}, batch {batch}", *map(significant, values)))
    fast += [(label, *(significant(one[key]) for one in speed)) for key, label in LATENCY]
    fast.append(("peak memory", *(file_size(one["peak_memory_bytes"]) for one in speed)))
    first = speed[0]
    told = f"{first['device']}, {first['threads']} threads, prompts of {first['prompt_tokens']} tokens"
    print_tables(
        [
            Table("sanity checks (the numbers to publish come from evaluate)", models, rows),
            Table(f"speed on {told}", models, fast),
        ]
    )
