"""Publish a finished run on the Hugging Face Hub: model, tokenizer, card, loss curve, results.

babyllama push models/Llama-10M --repo-id someone/llama-10m --dry-run      what would be sent, without a network
babyllama push models/Llama-10M --repo-id someone/llama-10m --private
babyllama push models/Llama-10M --revisions                                the checkpoints by words seen as branches, too

The repository may stand in the configuration (publish.repo_id). Every branch is one commit, `main` the last; after a break
the same command goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from babyllama import console
from babyllama.cli.arguments import repo_name
from babyllama.errors import RunError
from babyllama.runs import Run, read_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, and where it goes."""
    parser.add_argument("run", metavar="RUN", help="run folder, for example models/Llama-10M")
    parser.add_argument(
        "--repo-id", type=repo_name, metavar="OWNER/NAME", help="repository (default: publish.repo_id of the run)"
    )
    parser.add_argument("--private", action="store_true", help="make the repository private when it is made")
    parser.add_argument(
        "--revisions",
        action="store_true",
        help="push the checkpoints by words seen (chck_1M ...) as branches of that name",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace another model that lies in the repository")
    parser.add_argument("--dry-run", action="store_true", help="show what would be sent; needs no network and no token")


def run(args: argparse.Namespace) -> int:
    """List the files by branch, and send them."""
    from babyllama.publishing.hub import push
    from babyllama.publishing.hub_files import branches_of
    from babyllama.text import file_size, plural

    found = Run(Path(args.run))
    publish = read_run(found.paths).config.publish
    repo_id = args.repo_id or publish.repo_id
    if repo_id is None:
        raise RunError(
            f"where to? Name a repository with --repo-id, or keep one: babyllama card {args.run} publish.repo_id=..."
        )
    branches = branches_of(found, repo_id, revisions=args.revisions)
    if publish.license is None:
        console.warn(
            f"no licence: nobody is given any rights. babyllama card {args.run} publish.license=mit states one."
        )
    for branch in branches:
        console.say(f"{repo_id}, {branch.name}: {plural(len(branch.files), 'file')}, {file_size(branch.size)}")
        if args.dry_run:
            for file in branch.files:
                print(f"{branch.name}\t{file.name}\t{file.size}")
    if not args.dry_run:
        print(push(repo_id, branches, private=args.private or publish.private, overwrite=args.overwrite))
    return 0
