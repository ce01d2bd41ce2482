"""The `babyllama` command: one module of this package per sub-command, loaded only when it is asked for.

Only here are usage, exit codes and `sys.argv`. Exit codes: 0 done; 2 something the user can mend, told in one message;
130 interrupted. Any other exception is a defect and keeps its traceback.
"""

from __future__ import annotations

import _thread
import argparse
import contextlib
import errno
import importlib
import io
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from types import ModuleType

from babyllama import console
from babyllama.cli.arguments import Parser
from babyllama.errors import BabyLlamaError, ConfigError
from babyllama.registry import nearest
from babyllama.text import is_utf8

COMMANDS = {
    "quickstart": "synthetic text, a small model, its scores and three samples in one go",
    "fetch": "bring public data by name: BabyLM, BLiMP, TinyStories",
    "synthesize": "write English-like text and minimal pairs from a seeded grammar",
    "clean": "clean text files, or show what cleaning changes",
    "mix": "mix sources round-robin into one training text",
    "tokenizer": "train tokenizers and compare them",
    "prepare": "pack text into token blocks",
    "train": "train a model from a configuration",
    "finetune": "train a model on prompts with responses, or chats",
    "sweep": "make the runs of a study (grid, list, random, Optuna) and compare them",
    "distill": "train a student on text and on its teachers' probabilities",
    "evaluate": "score models: minimal pairs (BLiMP), perplexity, generation, stories",
    "average": "average the weights of checkpoints into one model",
    "benchmark": "completion, consistency, repetition and speed of models",
    "surprisal": "surprisal of every word of a text",
    "reading": "what surprisal explains of reading times in a table",
    "generate": "continue a prompt",
    "inspect": "look into a model while it reads a text: surprisal, attention, layers",
    "report": "one page on one or several runs, or their plots again",
    "card": "write a run's model card again",
    "push": "publish a run on the Hugging Face Hub",
    "submit": "make a BabyLM submission of a run, and check it",
    "export": "write a model as GGUF, for llama.cpp",
    "config": "show a resolved configuration, the schema, all keys, the families",
}


def main(argv: Sequence[str] | None = None, *, command: str | None = None) -> int:
    """Run the sub-command in `argv` (default: the process's arguments), or `command` with all of `argv` as its arguments."""
    _speak_plainly()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        try:
            code = _answer(arguments, command)
        except SystemExit:  # --help, which argparse prints
            sys.stdout.flush()
            raise
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        _drop_output()
        return 0
    except KeyboardInterrupt:
        return _interrupted()
    except BabyLlamaError as error:
        if "--debug" in arguments:
            raise
        console.error(str(error))
        return 2
    except OSError as error:
        if "--debug" in arguments or error.errno not in _MENDABLE:
            raise
        where = f"{error.filename}: " if error.filename else ""
        try:
            sys.stdout.flush()
        except OSError:
            where = "standard output: "
            _drop_output()
        console.error(f"{where}{_MENDABLE[error.errno]}")
        return 2


def _answer(arguments: list[str], command: str | None) -> int:
    for number, argument in enumerate(arguments, start=1):
        if not is_utf8(argument):
            console.error(f"argument {number}, {argument!r}, is not UTF-8 text; rename the file, or type it again.")
            return 2
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
            best = nearest(command, COMMANDS)
            hint = f" Did you mean {best}?" if best else ""
            console.error(f"there is no command {command!r}.{hint} See babyllama --help.")
            return 2
        script = f"babyllama {command}"
    module, args = parse(command, arguments, prog=script)
    with _terminated_as_interrupted(), _never_swallowed(), console.quiet(args.quiet):
        _load_plugins(args.plugin)
        return module.run(args) or 0


def _speak_plainly() -> None:
    """Spell out what a stream cannot write (an ASCII terminal, half a character) instead of failing over it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def parse(command: str, arguments: Sequence[str], prog: str | None = None) -> tuple[ModuleType, argparse.Namespace]:
    """The module of a sub-command and its parsed `arguments`; SystemExit 2 with one message when they are off."""
    module = importlib.import_module(f"babyllama.cli.{command}")
    parser = Parser(prog=prog or f"babyllama {command}", description=module.__doc__)
    module.add_arguments(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument("--quiet", action="store_true", help="print results only, no notes or progress")
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="MODULE", help="load a module of your own that adds names"
    )
    return module, parser.parse(arguments)


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


def _drop_output() -> None:
    """Keep Python from complaining when it flushes at exit what cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupted() -> int:
    console.announce("\ninterrupted")
    return 130


def _load_plugins(names: Sequence[str]) -> None:
    """What the modules of the user's own add is known to every command, with a configuration or without."""
    from babyllama.settings.plugins import load_installed, load_plugin

    load_installed()
    for name in names:
        try:
            load_plugin(name)
        except ConfigError as error:
            raise ConfigError(f"--plugin {name}: {error}.") from error


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


@contextlib.contextmanager
def _never_swallowed() -> Iterator[None]:
    """An interruption that falls into a callback (of a weak reference, as imports have many, or of an object that goes) is
    ignored by Python: it comes once more, a moment later."""
    before = sys.unraisablehook

    def interrupt_again() -> None:
        time.sleep(0.2)  # or it falls into `again` too
        _thread.interrupt_main(signal.SIGTERM)

    def again(unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            _thread.start_new_thread(interrupt_again, ())
        else:
            before(unraisable)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


_MENDABLE = {
    errno.ENOSPC: "no space left on the disk; free some and run the same command again (nothing half-written is kept)",
    errno.EDQUOT: "the disk quota is used up; free some and run the same command again (nothing half-written is kept)",
    errno.EFBIG: "the file may not grow so large here (the file system, or ulimit -f); choose another folder",
    errno.EACCES: "permission denied; choose a folder you may write to, or mend its permissions",
    errno.EPERM: "not permitted; choose a folder you may write to, or mend its permissions",
    errno.EISDIR: "a folder where a file belongs; move it away, and run the same command again",
    errno.ENOTDIR: "a file where a folder belongs; move it away, and run the same command again",
    errno.EROFS: "the file system is read-only; choose a folder you may write to",
}
