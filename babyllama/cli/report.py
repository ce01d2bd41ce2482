"""Draw a run's plots again from its folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from babyllama.runs import RunPaths, read_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folders."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folder, for example models/Llama-10M")


def run(args: argparse.Namespace) -> int:
    """Draw and name the files."""
    from babyllama.reporting import draw_plots

    for folder in args.runs:
        paths = RunPaths(Path(folder))
        for file in draw_plots(read_run(paths)):
            print(file)
    return 0
