"""Write a run's model card again from its folder, or a page that compares runs.

babyllama card models/Llama-10M                          modelcard.md, and final/ with README.md and what it links
babyllama card models/Llama-10M publish.license=mit      the same after a change of what the page says (kept in publish.yaml)
babyllama card --compare A B --output README.md          a page on both; the card of each then names the other's figures
"""

from __future__ import annotations

import argparse
from pathlib import Path

from babyllama.errors import RunError
from babyllama.runs import RunPaths, read_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folders."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folder, for example models/Llama-10M")
    parser.add_argument("--compare", action="store_true", help="write a page with the runs side by side as well")
    parser.add_argument("--output", metavar="FILE", help="with --compare: the page to write")
    parser.set_defaults(takes_overrides=True)
    parser.epilog = (
        "publish.key=value changes what the page says of a trained run; `babyllama config keys` lists the keys."
    )


def run(args: argparse.Namespace) -> int:
    """Write and name the files."""
    from babyllama.reporting import write_card, write_comparison
    from babyllama.runs.publication import keep_publication

    if args.compare != (args.output is not None):
        raise RunError("--compare and --output FILE belong together: the runs to compare, and the page to write.")
    runs = [RunPaths(Path(folder)) for folder in args.runs]
    if args.overrides:
        for paths in runs:
            read_run(paths)
            keep_publication(paths, args.overrides)
    if args.compare:
        write_comparison(runs, Path(args.output))
        print(args.output)
    for paths in runs:
        write_card(read_run(paths))
        print(paths.card)
    return 0
