"""What a task gives back: one interface for files, tables, cards, plots and comparisons, whatever was measured.

A result is its numbers (the JSON object that is kept), so that one read from a run folder is shown as one that was just
measured. What does not fit into the numbers (every single decision) lies in files beside them and is read when it is needed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from babyllama.config.tables import TASKS
from babyllama.runs import StoredResult
from babyllama.text import significant


@dataclass(frozen=True)
class Measure:
    """One number of a result as a card states it."""

    label: str
    """Markdown, with names escaped."""
    text: str
    published: dict[str, Any] | None = None
    """Arguments of `huggingface_hub.EvalResult`; None for a yardstick that is not the model's own number."""


@dataclass(frozen=True)
class Table:
    """A titled table; the first column holds names."""

    title: str
    columns: Sequence[str]
    """Headings of all columns but the first."""
    rows: Sequence[Sequence[str]]
    bold: frozenset[int] = frozenset()
    """Numbers of the rows that stand out."""
    above: Sequence[str] = ()
    """Lines between title and table."""
    below: Sequence[str] = ()
    """Lines after the table."""


@dataclass(frozen=True)
class Score:
    """The one number that a leaderboard shows of a result, in the leaderboard's units (mostly per cent)."""

    value: float
    low: float | None = None
    """Lower end of its 95 % interval; None where there is none."""
    high: float | None = None
    items: int = 0
    """Items (pairs, questions, words) that it is over."""
    ties: int = 0
    """Items whose best options have exactly the same score."""
    chance: float | None = None
    """What guessing gives."""


@dataclass(frozen=True)
class Bars:
    """Numbers with names for a picture; in per cent where `chance` is given."""

    title: str
    label: str
    values: dict[str, float]
    mean: tuple[str, float]
    """The name of the one number that stands for all, and its value."""
    chance: float | None = None
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    """95 % interval of a value, or of the number that stands for all, by name, where there is one."""


@dataclass(frozen=True)
class Result(ABC):
    """The numbers of one task on one model."""

    kind: ClassVar[str]
    """What sort of numbers these are, which decides what they are compared with."""
    shown_together: ClassVar[bool] = False
    """Of several models: is it shown in the comparison alone?"""

    numbers: dict[str, Any]
    """The JSON object."""
    stored: Path | None = None
    """The file it was read from; None for one that was just measured."""
    measured: Any = field(default=None, repr=False, compare=False)
    """What is not in the numbers, where it was just measured."""

    @classmethod
    def read(cls, kept: StoredResult, folder: Path) -> Self:
        """The result that was kept in `folder`."""
        return cls(kept.numbers, stored=folder / f"{kept.name}.json")

    @property
    def key(self) -> str:
        """What it is called in a report of several tasks."""
        return self.kind

    @property
    def same(self) -> tuple[Any, ...]:
        """Results that agree in this measure one thing; where several are kept, the one of most items stands for them."""
        return (self.kind, self.key)

    @property
    def items(self) -> tuple[bool, int]:
        """(is it all of its data?, how many items)"""
        return (True, 0)

    @abstractmethod
    def headline(self) -> list[Measure]:
        """The numbers that stand for it on a card, the most important first."""

    @abstractmethod
    def tables(self, *, details: bool = False) -> list[Table]:
        """It as tables for a terminal; with `details` to the last group."""

    def card_tables(self) -> list[Table]:
        """Its parts as a model card states them; none of a result on a part of its data."""
        return []

    def limits(self) -> list[str]:
        """What it says about what the model cannot do, one sentence each, in Markdown."""
        return []

    def score(self) -> Score | None:
        """What a leaderboard shows of it; None for a result that stands on none."""
        return None

    def curve(self) -> dict[str, float]:
        """The numbers that a learning curve follows, by column."""
        return {}

    def in_one_line(self) -> str:
        """The same for a console."""
        return ", ".join(f"{name.replace('_', ' ')} {significant(value)}" for name, value in self.curve().items())

    def bars(self) -> Bars | None:
        """It as a picture, if one says something."""
        return None

    def samples(self) -> list[tuple[str, str]]:
        """(prompt, what the model wrote after it) for readers who want to see text."""
        return []

    def files(self, stem: str) -> dict[str, Iterable[str]]:
        """Lines of the files that belong beside `<stem>.json`, by name."""
        return {}

    def notes(self) -> list[str]:
        """What a reader of the numbers must know, one line each."""
        return []

    @classmethod
    def compare(cls, models: Sequence[str], results: Sequence[Self]) -> Any:
        """Results of several models side by side as JSON; None where they do not compare."""
        return None

    @classmethod
    def comparison_tables(cls, key: str, compared: Any) -> list[Table]:
        """What `compare` gave, as tables."""
        return []

    @classmethod
    def heat_map(cls, key: str, compared: Any) -> tuple[Bars, ...]:
        """What `compare` gave, as one column of a picture for each model."""
        return ()

    @classmethod
    def differences(cls, key: str, compared: Any) -> tuple[Bars, ...]:
        """What `compare` gave, as paired differences with intervals: every later model against the first, which the title names;
        its last line names the later one, and chance is 0."""
        return ()


def result_of(kept: StoredResult, folder: Path) -> Result | None:
    """A result read from a run folder; None for one of a task that is not known here (a plugin that is not loaded)."""
    return TASKS.get(kept.task).result.read(kept, folder) if kept.task in TASKS else None


def compared_parts(comparison: Mapping[str, Any]) -> list[tuple[type[Result], str, Any]]:
    """(kind of result, key, what was compared) of everything in a comparison."""
    kinds = {task.result.kind: task.result for _, task in TASKS.items()}
    found = []
    for kind, value in comparison.items():
        keyed = value.items() if isinstance(value, dict) else [(kind, value)]
        found += [(kinds[kind], key, one) for key, one in keyed]
    return found


def fullest(results: Iterable[Result]) -> list[Result]:
    """Of results of the same thing only the one of all its data, else of most, in the order given."""
    best: dict[tuple[Any, ...], Result] = {}
    for result in results:
        other = best.get(result.same)
        if other is None or result.items > other.items:
            best[result.same] = result
    return list(best.values())
