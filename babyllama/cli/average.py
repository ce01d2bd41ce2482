"""Average the weights of checkpoints into one model.

babyllama average models/Llama-10M --last 3 --output models/Llama-10M-average
babyllama average models/A/checkpoints/checkpoint-800 models/A/checkpoints/checkpoint-900 --output models/A-average

Every command that takes a model takes the folder; its checkpoint.json says what it was made of.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from babyllama import console
from babyllama.errors import CheckpointError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which models, and where the mean goes."""
    parser.add_argument("models", nargs="+", metavar="MODEL", help="checkpoints or models of one shape, or one run")
    parser.add_argument("--last", type=int, metavar="K", help="the last K checkpoints of the one run that is named")
    parser.add_argument("--output", required=True, metavar="DIR", help="model folder to write")
    parser.add_argument("--overwrite", action="store_true", help="replace what lies there")


def run(args: argparse.Namespace) -> int:
    """Average, and name the folder."""
    output = Path(args.output)
    if output.exists() and not args.overwrite and (not output.is_dir() or any(output.iterdir())):
        raise CheckpointError(f"{output} exists: name another folder, or replace it with --overwrite.")
    if args.last is not None and args.last < 2:
        raise CheckpointError(f"--last {args.last}: an average is of two checkpoints or more.")
    if (args.last is not None) != (len(args.models) == 1):
        raise CheckpointError("name one run with --last K, or at least two checkpoints without it.")
    with console.progress("averaging"):
        from babyllama.training.saving.averaging import average_models, last_checkpoints

        models = args.models if args.last is None else last_checkpoints(args.models[0], args.last)
        facts = average_models(models, output)
    console.say("mean of " + ", ".join(origin["model"] for origin in facts["average_of"]))
    print(output)
    return 0
