"""Write a run's model card again from its folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from babyllama.runs import RunPaths, read_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folders."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folder, for example models/Llama-10M")


def run(args: argparse.Namespace) -> int:
    """Write and name the file."""
    from babyllama.reporting import write_card

    for folder in args.runs:
        paths = RunPaths(Path(folder))
        write_card(read_run(paths))
        print(paths.card)
    return 0
