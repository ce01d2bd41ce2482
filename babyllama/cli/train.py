"""Train a model from a configuration.

train.py --config config/llama-10M.yaml                     train it
train.py --config config/llama-10M.yaml --dry-run           what it would be: parameters, tokens, memory, time
train.py --config C --lr 1e-3 model.name=other-lr           with other values, under another name
train.py --config C --resume_from_checkpoint                go on after an interruption
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from babyllama import console
from babyllama.cli.options import add_config_arguments, config_from
from babyllama.config import Config
from babyllama.settings import Flag

FLAGS = {
    "lr": "training.lr",
    "max-steps": "training.max_steps",
    "output-dir": "logging.output_dir",
    "batch-size": "training.batch_size",
    "num-epochs": "training.num_epochs",
    "model-name": "model.name",
    "seed": "training.seed",
    "gradient-accumulation-steps": "training.gradient_accumulation_steps",
    "dataloader-num-workers": "training.dataloader_num_workers",
}
"""Flags with a value -> the key each one sets."""

ALSO = {"lr": ("learning-rate",), "output-dir": ("output-path",), "num-epochs": ("epochs",)}
"""Other names of flags that people type."""

SWITCHES = {
    "fp16": "training.fp16",
    "bf16": "training.bf16",
    "torch-compile": "training.torch_compile",
    "gradient-checkpointing": "training.gradient_checkpointing",
}
"""Flags without a value (with --no-... to turn off) -> the key each one sets."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The configuration, shorthands for common keys, and what to do with an existing run."""
    add_config_arguments(parser)
    for flag, key in FLAGS.items():
        also = [f"--{name}" for name in ALSO.get(flag, ())]
        parser.add_argument(f"--{flag}", *also, metavar="DIR" if flag == "output-dir" else "VALUE", help=f"sets {key}")
    for flag, key in SWITCHES.items():
        parser.add_argument(f"--{flag}", action=argparse.BooleanOptionalAction, help=f"sets {key}")
    parser.add_argument(
        "--resume-from-checkpoint",
        nargs="?",
        const="newest",
        metavar="PATH",
        help="go on from this checkpoint; without PATH from the newest good one",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the run that is in the folder")
    parser.add_argument(
        "--force", action="store_true", help="resume although the configuration or the text has changed"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan of the run and stop")


def run(args: argparse.Namespace) -> int:
    """Plan or train."""
    return train_or_plan(config_from(args, flags_of(args)), args)


def train_or_plan(config: Config, args: argparse.Namespace) -> int:
    """Train `config`, or print its plan, as the arguments say."""
    if args.dry_run:
        with console.progress("loading"):
            from babyllama.plan import plan

            result = plan(config, timed=True)
        print("\n".join(result.lines))
        for warning in result.warnings:
            console.warn(warning)
        return 0
    from babyllama.pipeline import train_run

    finished = train_run(config, resume=args.resume_from_checkpoint, overwrite=args.overwrite, force=args.force)
    console.say(f"\nevaluate it:  babyllama evaluate {finished}")
    console.say(f'ask it:       babyllama generate {finished} "Once upon a time"')
    return 0


def flags_of(args: argparse.Namespace) -> list[Flag]:
    """Every shorthand that was given, zero and false included. Values are read as overrides are."""
    return given(args, FLAGS | SWITCHES)


def given(args: argparse.Namespace, flags: Mapping[str, str]) -> list[Flag]:
    """(flag, key, value) of those of `flags` (flag -> key) that stand on the command line."""
    values = ((flag, key, getattr(args, flag.replace("-", "_"))) for flag, key in flags.items())
    return [(f"--{flag}", key, value) for flag, key, value in values if value is not None]
