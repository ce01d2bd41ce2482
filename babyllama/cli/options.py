"""Arguments that several sub-commands share."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from babyllama.cli.arguments import override_for
from babyllama.config import Config
from babyllama.errors import ConfigError
from babyllama.settings import Flag, config_of_defaults, load_config


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """`--config C` and `section.key=value` overrides."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="YAML",
        help="the configuration: a file, or the name of a shipped one such as llama-10M",
    )
    parser.add_argument("configuration", nargs="?", metavar="YAML", help="the same without --config")
    parser.set_defaults(takes_overrides=True)
    parser.epilog = (
        "Any key of the configuration can be set on the command line as section.key=value, for example\n"
        "  training.lr=1e-3 data.seq_length=256\n"
        "`babyllama config keys` lists them. Flags take precedence over overrides, overrides over the file."
    )


def config_from(args: argparse.Namespace, flags: Iterable[Flag] = (), defaults: dict[str, Any] | None = None) -> Config:
    """The checked configuration that `--config` (without one: `defaults`), the overrides and `flags` make."""
    stray = getattr(args, "configuration", None)
    if stray and "=" in stray and not Path(stray).exists():
        best = override_for(stray.partition("=")[0])
        hint = f" Did you mean {best.replace('VALUE', stray.partition('=')[2])}?" if best else ""
        raise ConfigError(f"{stray}: write section.key=value.{hint}")
    named = [name for name in (args.config, stray) if name]
    if len(named) > 1:
        raise ConfigError(f"two configurations are given, {named[0]} and {named[1]}; keep one.")
    if not named and defaults is not None:
        return config_of_defaults(defaults, args.overrides, flags, args.plugin)
    if not named:
        raise ConfigError("no configuration given; name one with --config, for example --config llama-10M.")
    return load_config(named[0], args.overrides, flags, args.plugin)
