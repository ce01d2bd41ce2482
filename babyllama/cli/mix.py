"""`babyllama mix`: mix the sources of a configuration into one training text."""

from __future__ import annotations

import argparse

from babyllama.cli.options import add_config_arguments, config_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--config C` with overrides, for example mixing.root=../data/babylm mixing.exact=true."""
    parser.description = (
        "Mix the sources of the configuration's `mixing` section into the folder of data.train_path: mix.train, "
        "mix.dev when mixing.dev_budget is set, and a manifest. A mix that is up to date is reused."
    )
    add_config_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Mix and print the table."""
    from babyllama.corpus.mixing import mix

    config = config_from(args)
    report = mix(config)
    print(report.table())
    return 0
