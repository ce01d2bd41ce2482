"""The `babyllama` command: one module of this package per sub-command, loaded only when it is asked for.

Only here are usage, exit codes and `sys.argv`. Exit codes: 0 done; 2 something the user can mend, told in one message;
130 interrupted. Any other exception is a defect and keeps its traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import errno
import importlib
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType

from babyllama.errors import BabyLlamaError

COMMANDS = {
    "quickstart": "synthetic text, a small model, its scores and three samples in one go",
    "synthesize": "write English-like text and minimal pairs from a seeded grammar",
    "clean": "clean text files, or show what cleaning changes",
    "mix": "mix sources round-robin into one training text",
    "tokenizer": "train tokenizers and compare them",
    "prepare": "pack text into token blocks",
    "train": "train a model from a configuration",
    "evaluate": "score models: minimal pairs (BLiMP), perplexity, generation",
    "benchmark": "completion, consistency, repetition and speed of models",
    "surprisal": "surprisal of every word of a text",
    "generate": "continue a prompt",
    "report": "draw a run's plots again",
    "card": "write a run's model card again",
    "config": "show a resolved configuration, the schema, all keys, the families",
}

OVERRIDE = re.compile(r"[A-Za-z_]\w*(\.\w+)+=", re.ASCII)
"""`section.key=value` on the command line."""


class Parser(argparse.ArgumentParser):
    """An argument parser that names the nearest flag and accepts flags with - and with _."""

    def __init__(self, **options: object) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)  # type: ignore[arg-type]

    def error(self, message: str) -> None:  # type: ignore[override]
        """One message, exit code 2."""
        unknown = re.search(r"unrecognized arguments: (\S+)", message)
        if unknown:
            flags = [flag for action in self._actions for flag in action.option_strings]
            near = difflib.get_close_matches(unknown.group(1).split("=")[0], flags, n=1)
            message += f" (did you mean {near[0]}?)" if near else ""
        self.exit(2, f"{self.prog}: {message}\nSee {self.prog} --help.\n")


def main(argv: Sequence[str] | None = None, *, command: str | None = None) -> int:
    """Run the sub-command in `argv` (default: the process's arguments), or `command` with all of `argv` as its arguments."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    script = os.path.basename(sys.argv[0]) if command else "babyllama"
    if command is None:
        if not arguments or arguments[0] in ("-h", "--help", "help"):
            print(usage())
            return 0
        if arguments[0] == "--version":
            from babyllama import __version__

            print(f"babyllama {__version__}")
            return 0
        command = arguments.pop(0)
        if command not in COMMANDS:
            near = difflib.get_close_matches(command, COMMANDS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            print(f"babyllama: there is no command {command!r}.{hint} See babyllama --help.", file=sys.stderr)
            return 2
        script = f"babyllama {command}"
    module, args = parse(command, arguments, prog=script)
    return _run(module.run, args)


def parse(command: str, arguments: Sequence[str], prog: str | None = None) -> tuple[ModuleType, argparse.Namespace]:
    """The module of a sub-command and its parsed `arguments`; SystemExit 2 with one message when they are off."""
    module = importlib.import_module(f"babyllama.cli.{command}")
    parser = Parser(prog=prog or f"babyllama {command}", description=module.__doc__)
    module.add_arguments(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument("--quiet", action="store_true", help="print results only, no notes or progress")
    return module, _parse(parser, list(arguments))


def usage() -> str:
    """The text of `babyllama --help`."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        (
            "usage: babyllama COMMAND [...]     (babyllama COMMAND --help for the arguments of one)",
            "",
            "Train small language models from scratch: one YAML file turns raw text into a Hugging Face model",
            "with its tokenizer, loss curve, BLiMP score and model card.",
            "",
            *lines,
        )
    )


def _parse(parser: Parser, arguments: list[str]) -> argparse.Namespace:
    """Parse `arguments`; overrides may stand anywhere, also right after a flag with an optional value."""
    overrides = []
    if parser.get_default("takes_overrides"):
        overrides = [argument for argument in arguments if OVERRIDE.match(argument)]
        arguments = [argument for argument in arguments if not OVERRIDE.match(argument)]
    args = parser.parse_args([_with_dashes(argument) for argument in arguments])
    args.overrides = overrides
    return args


def _with_dashes(argument: str) -> str:
    """--batch_size=8 -> --batch-size=8"""
    if not argument.startswith("--"):
        return argument
    flag, equals, value = argument.partition("=")
    return flag.replace("_", "-") + equals + value


def _run(run: object, args: argparse.Namespace) -> int:
    assert callable(run)
    try:
        with _terminated_as_interrupted():
            code = run(args)
        sys.stdout.flush()
        return code or 0
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Keep Python from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except BabyLlamaError as error:
        if args.debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if args.debug or error.errno not in _MENDABLE:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{_MENDABLE[error.errno]}", file=sys.stderr)
        return 2


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, so that what is half-written goes. Training has its own way meanwhile."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not in the main thread, where no signal arrives
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


_MENDABLE = {
    errno.ENOSPC: "no space left on the disk; free some and run the same command again (nothing half-written is kept)",
    errno.EDQUOT: "the disk quota is used up; free some and run the same command again (nothing half-written is kept)",
    errno.EACCES: "permission denied; choose a folder you may write to, or mend its permissions",
    errno.EPERM: "not permitted; choose a folder you may write to, or mend its permissions",
    errno.EROFS: "the file system is read-only; choose a folder you may write to",
}
