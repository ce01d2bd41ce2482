"""What a tracker is: it is started, told of steps and of what came out, and finished."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babyllama.evaluation.results import Table


@dataclass(frozen=True)
class About:
    """A run as a tracker shows it."""

    name: str
    project: str
    tags: tuple[str, ...]
    config: dict[str, Any]
    """The resolved configuration, by section."""
    folder: Path
    """The run folder; what a tracker keeps on disk goes there unless its own environment variable says otherwise."""
    run_id: str
    """The same whenever the run goes on."""


class Tracker(ABC):
    """One tracker. Its methods may raise anything: whoever calls them does without it then."""

    @abstractmethod
    def start(self, about: About) -> None:
        """Begin the run, or go on with it."""

    @abstractmethod
    def log(self, values: Mapping[str, float], step: int) -> None:
        """Points of curves."""

    @abstractmethod
    def scores(self, numbers: Mapping[str, float], tables: Sequence[Table], step: int) -> None:
        """Final numbers by name, and tables."""

    @abstractmethod
    def finish(self) -> None:
        """Write everything out."""
