"""Bring public data by name: BabyLM's text, BLiMP, TinyStories.

babyllama fetch --list                    what there is
babyllama fetch babylm-strict-small       into data/babylm

Files come from the Hugging Face Hub, are checked against its checksums and shown with size and licence first. After a
break the same command goes on; what is here already is kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from babyllama import console


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to bring, and where to."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="data sets; --list says which there are")
    parser.add_argument("--list", action="store_true", help="list the data sets, where they lie and where they go")
    parser.add_argument(
        "--output-dir", default=Path("data"), type=Path, metavar="DIR", help="where their folders go (default: data)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="look for a newer revision, and replace files that are in the way"
    )


def run(args: argparse.Namespace) -> int:
    """List, or fetch and say what to do next."""
    from babyllama.corpus.fetching import CATALOG
    from babyllama.errors import DataError

    if args.list:
        for name, data in CATALOG.items():
            print(f"{name}\n  {data.title}")
            for part in data.parts:
                print(f"  {part.page} -> data/{part.folder}")
        return 0
    if not args.names:
        raise DataError(f"say what to fetch: {', '.join(CATALOG)}; `babyllama fetch --list` describes them.")
    wanted = [CATALOG.get(name) for name in args.names]
    from babyllama.corpus.fetching.download import fetch

    with console.quiet(args.quiet):
        for data in wanted:
            for folder in fetch(data, args.output_dir, overwrite=args.overwrite):
                print(folder)
            if data.notice:
                console.say(f"note: {data.notice}")
            for command in data.following:
                console.say(f"next:  {command}")
    return 0
