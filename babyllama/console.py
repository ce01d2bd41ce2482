"""One way to speak: notes, warnings and progress on standard error, results on standard output.

Everything honours `quiet` (the flag --quiet), NO_COLOR, streams that are no terminal, and narrow windows; of several
processes that train together only the first one speaks. rich is imported when the first bar or table is drawn.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from babyllama.processes import process_index

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 120
"""Columns of tables when the output is no terminal."""

_quiet = False
_display: Any = None
"""The rich display with the bars that are being drawn, which notes must not tear; None while there is none."""


@contextlib.contextmanager
def quiet(on: bool = True) -> Iterator[None]:
    """Within the block notes and bars are kept off the console if `on`; warnings are not."""
    global _quiet
    before, _quiet = _quiet, _quiet or on
    try:
        yield
    finally:
        _quiet = before


def is_quiet() -> bool:
    """Are notes and bars kept off the console?"""
    return _quiet or process_index() > 0


def say(text: str) -> None:
    """One note on standard error."""
    if not is_quiet():
        _write(text)


def announce(text: str) -> None:
    """One note on standard error, also when quiet: what a user must know to go on."""
    if process_index() == 0:
        _write(text)


def warn(text: str) -> None:
    """One warning on standard error, also when quiet: what it tells changes what the numbers mean."""
    announce(f"warning: {text}")


def error(text: str) -> None:
    """What ends the command, on standard error; every process says its own."""
    print(f"error: {text}", file=sys.stderr, flush=True)


def _write(text: str) -> None:
    if _display is None:
        print(text, file=sys.stderr, flush=True)
    else:
        _display.console.print(text, markup=False, highlight=False, soft_wrap=True)


def results(*, width: int | None = None) -> Console:
    """The console that results are printed on: standard output, `PIPE_WIDTH` columns wide where it is no terminal."""
    from rich.console import Console

    class Results(Console):
        """A reader that has seen enough (head, less) ends the command as everywhere else, not as rich does, with code 1."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Results(file=sys.stdout, width=width or (None if sys.stdout.isatty() else PIPE_WIDTH), highlight=False)


def write(piece: str) -> None:
    """A piece of text on standard output at once, without a line end: what is generated is shown while it comes."""
    print(piece, end="", flush=True)


def json_text(value: Any, *, indent: int | None = None, stream: IO[str] | None = None) -> str:
    """`value` as JSON for `stream` (standard output), in plain ASCII where that takes no UTF-8."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or ""
    return json.dumps(value, indent=indent, ensure_ascii=encoding.lower().replace("-", "") != "utf8")


class Bar:
    """A progress bar; does nothing where none is drawn."""

    def __init__(self, task: Any = None) -> None:
        self._task = task

    @property
    def shown(self) -> bool:
        """Is a bar drawn? Where none is, what it would say may be worth a line of its own."""
        return self._task is not None and _display is not None

    def update(self, done: float, total: float | None = None, text: str | None = None) -> None:
        """`done` of `total` (None: as before), and what stands behind the bar."""
        if self.shown:
            fields = {} if text is None else {"text": text}
            _display.update(self._task, completed=done, **({} if total is None else {"total": total}), **fields)

    __call__ = update


@contextlib.contextmanager
def progress(title: str, total: float | None = None, done: float = 0) -> Iterator[Bar]:
    """A bar on the terminal while the block runs; gone afterwards. Bars may be nested."""
    global _display
    if is_quiet() or not sys.stderr.isatty():
        yield Bar()
        return
    outermost = _display is None
    if outermost:
        _display = _new_display()
        _display.start()
    task = _display.add_task(title, total=total, completed=done, text="")
    try:
        yield Bar(task)
    finally:
        _display.remove_task(task)
        if outermost:
            _display.stop()
            _display = None


def _new_display() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, Task, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rest(TimeRemainingColumn):
        """What the bar's owner says stands behind it, else the time that is left."""

        max_refresh = 0.0

        def render(self, task: Task) -> Text:
            said = task.fields.get("text")
            return Text(said, no_wrap=True, overflow="ellipsis") if said else super().render(task)

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        Rest(compact=True),
        console=Console(file=sys.stderr, highlight=False),
        transient=True,
    )
