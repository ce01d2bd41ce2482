"""Train a student on text and on what its teachers hold possible.

babyllama distill --config config/distillation.yaml                       teachers and student as the file says
babyllama distill --config C --teachers models/A models/B                 other teachers (runs, folders, Hub names)
babyllama distill --config C --alpha 0.2 --temperature 1 model.name=new   other weights, under another name
"""

from __future__ import annotations

import argparse

from babyllama.cli import train
from babyllama.cli.options import config_from

FLAGS = {"alpha": "distillation.alpha", "temperature": "distillation.temperature"}
"""Flags with a value -> the key each one sets."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of `train`, the teachers, and how much they count."""
    train.add_arguments(parser)
    parser.add_argument("--teachers", nargs="+", metavar="MODEL", help="sets distillation.teachers")
    for flag, key in FLAGS.items():
        parser.add_argument(f"--{flag}", metavar="VALUE", help=f"sets {key}")


def run(args: argparse.Namespace) -> int:
    """Plan or train the student."""
    flags = [*train.flags_of(args), ("distill", "training.objective", "distillation")]
    if args.teachers:
        flags.append(("--teachers", "distillation.teachers", args.teachers))
    flags += [(f"--{flag}", key, getattr(args, flag)) for flag, key in FLAGS.items() if getattr(args, flag) is not None]
    return train.train_or_plan(config_from(args, flags), args)
