"""The whole way in one go: synthetic text, tokenizer, a model of a few million parameters, its scores, samples, a report.

What is up to date from an earlier call is reused.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama import console
from babyllama.errors import RunError
from babyllama.runs import RunPaths
from babyllama.text import percent

if TYPE_CHECKING:
    from babyllama.config import Config
    from babyllama.runs import Run

PROMPTS = ("Long ago, in a land far away,", "One day", "The next morning")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the configuration and the data lie."""
    parser.add_argument(
        "--config",
        default="quickstart",
        metavar="YAML",
        help="a file, or the name of a shipped one; default: %(default)s",
    )
    parser.set_defaults(takes_overrides=True)
    parser.add_argument(
        "--data",
        "--output-dir",
        default="data/quickstart",
        metavar="DIR",
        help="parent of the text; default: %(default)s",
    )
    parser.add_argument(
        "--num-tokens", type=int, default=500_000, metavar="N", help="words of text; default: %(default)s"
    )


def run(args: argparse.Namespace) -> int:
    """Synthesize, train, evaluate, generate."""
    from babyllama.reporting.report_file import save_report
    from babyllama.settings import load_config
    from babyllama.synthetic import synthesize

    began = time.monotonic()
    console.say("== 1/4 synthetic text ==")
    text = synthesize(Path(args.data), num_words=args.num_tokens)
    console.say(f"{text.words:,} words in {text.documents:,} documents")
    console.say("== 2/4 training ==")
    places = [f"data.train_path={text.train.parent}", f"data.eval_path={text.dev.parent}"]
    config = load_config(args.config, [*places, *args.overrides])
    finished = _train(config)
    console.say("== 3/4 scores ==")
    results = _evaluate(finished.paths, text.pairs)
    console.say("== 4/4 three samples ==")
    _print_samples(finished.paths)
    save_report([finished.root], finished.paths.report)
    _print_table(finished.paths, results, time.monotonic() - began)
    return 0


def _train(config: Config) -> Run:
    """Train, or go on after an interruption. A run of another configuration or text is replaced: it is quickstart's own."""
    from babyllama.pipeline import train_run
    from babyllama.runs import run_of

    interrupted = run_of(config).root.exists()
    try:
        return train_run(config, resume="newest" if interrupted else None)
    except RunError as error:
        if not run_of(config).paths.config.is_file():
            raise
        console.say(f"{error}\nquickstart replaces its own run")
        return train_run(config, overwrite=True)


def _evaluate(paths: RunPaths, pairs: Path) -> dict[str, Any]:
    """Perplexity, accuracy on the synthetic pairs and samples for the report, kept from the last call when model, text and pairs are the same."""
    from babyllama.evaluation.models import load_model
    from babyllama.evaluation.runner import run_tasks
    from babyllama.evaluation.tasks import build_tasks
    from babyllama.pipeline import refresh_reports
    from babyllama.runs import locate_model

    tasks = build_tasks(("perplexity", "blimp", "generation"), {"blimp_data": pairs})
    found = run_tasks(locate_model(paths.root), lambda: load_model(paths.root), tasks, named=True)
    if any(result.stored is None for result in found):
        refresh_reports(paths)
    return {result.key: result.numbers for result in found}


def _print_samples(paths: RunPaths) -> None:
    from babyllama.evaluation import generate, load_model

    loaded = load_model(paths.root)
    for seed, prompt in enumerate(PROMPTS):
        text = generate(loaded, prompt, max_new_tokens=60, temperature=0.8, top_k=50, seed=seed, num_samples=1)[0]
        print("\n  " + text.strip().replace("\n", "\n  "))


def _print_table(paths: RunPaths, results: dict[str, Any], seconds: float) -> None:
    from babyllama.evaluation.results import Table
    from babyllama.reporting.terminal import print_tables

    perplexity, pairs = results["perplexity"], results["blimp_synthetic"]
    unigram = f"unigram {perplexity['unigram_perplexity']:.2f}"
    rows = [
        ("held-out perplexity, per document", f"{perplexity['perplexity']:.2f}", unigram, ""),
        _accuracy(f"minimal pairs, {pairs['n']:,}, %", pairs["accuracy"], "chance 50.0", pairs, "accuracy_"),
    ]
    for term, found in sorted(pairs["terms"].items(), key=lambda item: -item[1]["accuracy"]):
        rows.append(_accuracy(f"  {term.replace('_', ' ')}", found["accuracy"], "", found))
    print()
    title = f"{paths.root}: trained on synthetic text"
    print_tables([Table(title, ("this model", "compare with", "95 % interval"), rows)])
    print(f"model and card   {paths.final}\nloss curve       {paths.plots / 'loss.png'}")
    print(f"scores           {paths.evaluation}\nin {seconds:.0f} s")
    print(f"report           {paths.report}")


def _accuracy(
    label: str, accuracy: float, beside: str, found: dict[str, Any], prefix: str = ""
) -> tuple[str, str, str, str]:
    interval = f"{percent(found[f'{prefix}low'])}-{percent(found[f'{prefix}high'])}"
    return label, percent(accuracy), beside, interval
