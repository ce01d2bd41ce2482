"""Mistakes in a configuration: where each one is, what rule it breaks and how to mend it; reported all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from babyllama.errors import ConfigError
from babyllama.text import one_line

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Place:
    """Where a value comes from: a line of a file, an override or a flag."""

    text: str


@dataclass(frozen=True)
class Problem:
    """One mistake."""

    rule: str
    key: KeyPath = ()
    place: Place | None = None
    value: str | None = None
    """As it is shown; None shows none."""

    def __str__(self) -> str:
        where = f"{self.place.text}: " if self.place else ""
        key = one_line(dotted(self.key))
        value = f" = {self.value}" if self.value is not None else ""
        return f"{where}{key}{value}: {self.rule}" if key else f"{where}{self.rule}"


def dotted(key: KeyPath) -> str:
    """("mixing", "sources", 0, "path") -> mixing.sources[0].path"""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def raise_problems(problems: Sequence[Problem], title: str = "the configuration") -> None:
    """Raise one ConfigError with every problem on its own line; none: return."""
    if not problems:
        return
    lines = list(dict.fromkeys(str(problem) for problem in problems))
    if len(lines) == 1:
        raise ConfigError(lines[0])
    raise ConfigError(f"{len(lines)} mistakes in {title}:\n" + "\n".join(f"  {line}" for line in lines))
