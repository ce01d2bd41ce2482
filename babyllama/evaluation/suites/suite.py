"""What a suite is: the columns of a leaderboard, and the tasks that fill them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from babyllama.config.tables import TASKS
from babyllama.errors import EvaluationError
from babyllama.registry import suggestion


@dataclass(frozen=True)
class Column:
    """One column of the board."""

    name: str
    """What `--tasks` calls it, and the collated file of predictions."""
    title: str
    """Its heading."""
    task: str
    """The entry of `babyllama.config.tables.TASKS` that fills it."""
    group: Literal["NLP", "Human-like"]
    """Which average it counts in, beside the overall one."""
    fast: bool = True
    """Is it in the fast set?"""
    random: float | None = None
    """What an untrained network was measured to get; None: what guessing gives."""


@dataclass(frozen=True)
class Suite:
    """The tasks of one year's challenge."""

    name: str
    title: str
    columns: tuple[Column, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings that the suite gives to each of its tasks that has them."""
    averages_note: str = ""
    """What a reader must know about its averages."""

    def picked(self, names: Sequence[str] | None, *, fast: bool) -> list[Column]:
        """The columns `names` (of the column or its task; None: all that there are in the set). EvaluationError for others."""
        if names is None:
            return [column for column in self.columns if column.fast or not fast]
        known = {key: column for column in self.columns for key in (column.name, column.task)}
        for name in names:
            if name not in known:
                raise EvaluationError(f"the suite {self.name} has no task {name!r}; {suggestion(name, known)}.")
            if fast and not known[name].fast:
                raise EvaluationError(f"{name} is not in the fast set of {self.name}; leave --fast away to score it.")
        return list(dict.fromkeys(known[name] for name in names))

    def options(self, column: Column, given: dict[str, Any]) -> dict[str, Any]:
        """The settings of the task of `column`: those of `given` and the suite's own that it has."""
        fields = TASKS.get(column.task).Settings.model_fields
        return {name: value for name, value in {**given, **self.settings}.items() if name in fields}
