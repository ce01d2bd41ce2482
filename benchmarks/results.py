"""The tables of docs/results.md and docs/experiments.md, from finished runs.

    python benchmarks/results.py models/a-1 models/a-2 ... --output docs/results        one JSON file a run
    python benchmarks/results.py --output docs/results --table                          the files as a Markdown table

A file holds what a reader needs to check a row: the settings that differ from the defaults, the model's size, text, words
seen, time, machine, bits per byte of held-out text and minimal pairs with their intervals. Runs that share everything but
the seed (their names end in -1 or -seed1, ...) are one row: mean, and in brackets the least and the most.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from babyllama.config import Config
from babyllama.errors import BabyLlamaError
from babyllama.runs import RunPaths, read_run
from babyllama.runs.facts import RunFacts
from babyllama.runs.run import learned_settings

LOCAL = (
    "data.tokenizer_path",
    "data.train_path",
    "data.eval_path",
    "mixing.root",
    "distillation.teachers",
    "training.seed",
)
"""Settings that name places of this machine, and the seed, which is told apart."""


def row(facts: RunFacts) -> dict[str, Any]:
    """One run as docs/results keeps it. BabyLlamaError when it is not finished."""
    if facts.metrics is None or facts.record is None:
        raise BabyLlamaError(f"{facts.paths.root} is not finished.")
    defaults = learned_settings(Config.model_validate({"model": facts.config.model.model_dump()}))
    settings = {
        key: [one["path"] for one in value] if key.endswith("sources") and value else value
        for key, value in learned_settings(facts.config).items()
        if key not in LOCAL and value != defaults.get(key, object())
    }
    settings |= {
        f"model.{key}": value
        for key, value in facts.config.model.model_dump(exclude_unset=True).items()
        if key != "name"
    }
    results = {}
    for result in facts.results:
        keep = (
            "bits_per_byte",
            "perplexity",
            "accuracy",
            "accuracy_low",
            "accuracy_high",
            "protocol",
            "n",
            "ties",
            "fields",
        )
        results[result.name] = {key: result.numbers[key] for key in keep if key in result.numbers}
    metrics = facts.metrics
    return {
        "name": facts.name,
        "seed": facts.record.seed,
        "teachers": [Path(path).name for path in getattr(facts.config.distillation, "teachers", None) or []],
        "settings": settings,
        "parameters": metrics.parameters,
        "steps": metrics.steps,
        "words_seen": metrics.words_seen,
        "tokens_seen": metrics.tokens_seen,
        "seconds": round(metrics.training_time),
        "device": metrics.device,
        "precision": metrics.precision,
        "eval_loss": metrics.eval_loss,
        "results": results,
        "versions": facts.record.versions,
    }


def _family(name: str) -> str:
    return re.sub(r"-(seed)?\d+$", "", name)


def _spread(values: list[float], digits: int) -> str:
    mean = f"{statistics.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def table(folder: Path) -> str:
    """Markdown: a row for every group of runs that differ in their seed only."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text())
        groups[_family(found["name"])].append(found)
    lines = [
        "| runs | seeds | parameters | words seen | minutes | bits per byte | BLiMP half, % | 95 % interval of a run |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, runs in groups.items():
        pairs = [run["results"].get("blimp", {}) for run in runs]
        half = [100 * (one["accuracy_high"] - one["accuracy_low"]) / 2 for one in pairs if "accuracy_high" in one]
        lines.append(
            f"| `{name}` | {len(runs)} | {runs[0]['parameters'] / 1e6:.1f}M | {runs[0]['words_seen'] / 1e6:.1f}M "
            f"| {_spread([run['seconds'] / 60 for run in runs], 0)} "
            f"| {_spread([run['results']['perplexity']['bits_per_byte'] for run in runs], 3)} "
            f"| {_spread([100 * one['accuracy'] for one in pairs if 'accuracy' in one], 1)} "
            f"| +-{statistics.mean(half):.1f} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--output", type=Path, default=Path("docs/results"))
    parser.add_argument("--table", action="store_true", help="print the folder as a Markdown table")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    for run in args.runs:
        try:
            found = row(read_run(RunPaths(run)))
        except BabyLlamaError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        (args.output / f"{found['name'].replace('/', '--')}.json").write_text(json.dumps(found, indent=1) + "\n")
    if args.table:
        print(table(args.output))
    return 0


if __name__ == "__main__":
    sys.exit(main())
