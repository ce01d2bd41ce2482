"""The whole way in one go: synthetic text, tokenizer, a model of a few million parameters, its scores, three samples.

What is up to date from an earlier call is reused.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from babyllama.artifacts import MANIFEST_NAME, Manifest, RunPaths, fingerprint_file, fingerprint_files
from babyllama.errors import ConfigError

PROMPTS = ("Long ago, in a land far away,", "One day", "The next morning")
TASKS = ("perplexity", "blimp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the configuration and the data lie."""
    parser.add_argument("--config", default="config/quickstart.yaml", metavar="YAML", help="default: %(default)s")
    parser.add_argument("--data", default="data", metavar="DIR", help="parent of the text; default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Synthesize, train, evaluate, generate."""
    import babyllama.architectures  # noqa: F401  (its families register themselves for the configuration check)
    from babyllama.config import load_config
    from babyllama.corpus.synthetic import synthesize
    from babyllama.pipeline import train_run

    if not Path(args.config).is_file():
        raise ConfigError(f"{args.config} is not here: run quickstart in a checkout of BabyLlama, or name a --config.")
    began = time.monotonic()
    say = (lambda text: None) if args.quiet else (lambda text: print(text, file=sys.stderr, flush=True))

    say("== 1/4 synthetic text ==")
    text = synthesize(Path(args.data))
    say(
        f"{text.words:,} words in {text.documents:,} documents, " + ("up to date, reused" if text.reused else "written")
    )
    say("== 2/4 training ==")
    finished = train_run(load_config(args.config), quiet=args.quiet)
    say("== 3/4 scores ==")
    pairs = Path(args.data) / "blimp_synthetic"
    results = _evaluate(finished.paths, pairs, say)
    say("== 4/4 three samples ==")
    _print_samples(finished.paths)
    _print_table(finished.paths, results, time.monotonic() - began)
    return 0


def _evaluate(paths: RunPaths, pairs: Path, say: Any) -> dict[str, Any]:
    """Perplexity and accuracy on the synthetic pairs, kept from the last call when model and pairs are the same."""
    from babyllama.evaluation import run_evaluations
    from babyllama.pipeline import refresh_reports
    from babyllama.reporting import read_run

    inputs = {
        "model": fingerprint_file(paths.final / "model.safetensors"),
        "pairs": fingerprint_files(sorted(pairs.glob("*.jsonl"))),
    }
    kept = Manifest.read(paths.evaluation / MANIFEST_NAME)
    if kept is not None and kept.stale_reason(inputs, {"tasks": TASKS}) is None:
        say("scores: up to date, reused")
    else:
        run_evaluations(paths.root, TASKS, blimp_data=pairs, note=say)
        Manifest("evaluation", inputs, {"tasks": list(TASKS)}).write(paths.evaluation)
        refresh_reports(paths)
    return read_run(paths).evaluations


def _print_samples(paths: RunPaths) -> None:
    from babyllama.evaluation import generate, load_model

    loaded = load_model(paths.root)
    for seed, prompt in enumerate(PROMPTS):
        text = generate(loaded, prompt, max_new_tokens=60, temperature=0.8, top_k=50, seed=seed, num_samples=1)[0]
        print("\n  " + text.strip().replace("\n", "\n  "))


def _print_table(paths: RunPaths, results: dict[str, Any], seconds: float) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    perplexity, pairs = results["perplexity"], results["blimp_synthetic"]
    table = Table(box=box.SIMPLE_HEAD, title=f"\n{paths.root}: trained on synthetic text", title_justify="left")
    for heading in ("measure", "this model", "compare with"):
        table.add_column(heading, justify="left" if heading != "this model" else "right")
    table.add_row(
        "held-out perplexity, per document",
        f"{perplexity['perplexity']:.2f}",
        f"{perplexity['unigram_perplexity']:.2f} of a unigram model",
    )
    table.add_row(
        f"minimal pairs, {pairs['n']:,}",
        f"{100 * pairs['accuracy']:.1f} %",
        f"chance 50 %; 95 % interval {100 * pairs['accuracy_low']:.1f}-{100 * pairs['accuracy_high']:.1f}",
    )
    for term, found in sorted(pairs["terms"].items(), key=lambda item: -item[1]["accuracy"]):
        interval = f"{100 * found['low']:.1f}-{100 * found['high']:.1f}"
        table.add_row(f"  {term.replace('_', ' ')}", f"{100 * found['accuracy']:.1f} %", interval)
    Console(width=100).print(table)
    print(f"model and card   {paths.final}\nloss curve       {paths.plots / 'loss.png'}")
    print(f"scores           {paths.evaluation}\nin {seconds:.0f} s")
