"""The arguments of a command: the parser, and the types of values that several commands share."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from typing import Any

from babyllama.registry import nearest

OVERRIDE = re.compile(r"[A-Za-z_]\w*(\.\w+)+=", re.ASCII)
"""`section.key=value` on the command line."""

PATHS = ("PATH", "FILE", "DIR", "YAML", "RUN", "MODEL", "IN OUT")
"""What the metavar of an argument that is a path is called (a model may also be a name on the Hub)."""


class Parser(argparse.ArgumentParser):
    """An argument parser that names the nearest flag and accepts flags with - and with _.

    An argument whose metavar is one of `PATHS` has `~` and `$VAR` replaced.
    """

    def __init__(self, **options: object) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)  # type: ignore[arg-type]

    def add_argument(self, *names: str, **options: Any) -> argparse.Action:
        """As argparse does it, with the type of a path where the metavar says so."""
        if options.get("metavar") in PATHS:
            options["type"] = path_of(options.get("type", str))
        return super().add_argument(*names, **options)

    def error(self, message: str) -> None:  # type: ignore[override]
        """One message, exit code 2."""
        unknown = re.search(r"unrecognized arguments: (\S+)", message)
        if unknown:
            flags = [flag for action in self._actions for flag in action.option_strings]
            name = unknown.group(1).split("=")[0]
            key = override_for(name) if self.get_default("takes_overrides") else None
            best = key or nearest(name, flags)
            message += f" (did you mean {best}?)" if best else ""
        self.exit(2, f"{self.prog}: {message}\nSee {self.prog} --help.\n")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse `arguments`; overrides may stand anywhere, also right after a flag with an optional value."""
        rest, overrides = list(arguments), []
        if self.get_default("takes_overrides"):
            overrides = [argument for argument in arguments if OVERRIDE.match(argument)]
            rest = [argument for argument in arguments if not OVERRIDE.match(argument)]
        args = self.parse_args([_with_dashes(argument) for argument in rest])
        args.overrides = overrides
        return args


def override_for(name: str) -> str | None:
    """The override that `--warmup-steps`, `weight_decay` or another trainer's `num_layers` stands for, if it is one."""
    from babyllama.config.reference import section_keys
    from babyllama.config.synonyms import synonym

    plain = name.strip("-").replace("-", "_")
    keys = [key for key in section_keys() if key.count(".") == 1 and key.endswith(f".{plain}")]
    key = keys[0] if len(keys) == 1 else synonym(plain)
    return f"{key}=VALUE" if key else None


def _with_dashes(argument: str) -> str:
    """--batch_size=8 -> --batch-size=8"""
    if not argument.startswith("--"):
        return argument
    flag, equals, value = argument.partition("=")
    return flag.replace("_", "-") + equals + value


def path_of(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """The argparse type of a path that becomes a `kind`, with `~` and `$VAR` replaced as in a configuration."""

    def path(text: str) -> Any:
        from babyllama.config.types import expand_path

        try:
            return kind(expand_path(text))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error

    return path


def seed(text: str) -> int:
    """The argparse type of a seed: a whole number that numpy, torch and Python all take."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {2**32 - 1}")
    return number


def seconds(text: str) -> int:
    """The argparse type of a pause: whole seconds, at least one."""
    if not text.isascii() or not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of seconds from 1")
    return int(text)


def repo_name(text: str) -> str:
    """The argparse type of a repository on the Hub."""
    from babyllama.config.types import check_repo_name

    try:
        return check_repo_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from error


def output_file(text: str) -> str:
    """The argparse type of a file that is written after long work: told before it, a folder of that name loses nothing."""
    if os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"{text} is a folder; name a file in it")
    return text
