"""What a task is: settings, data, a way to score a model, and a kind of result.

A task of one's own is one class in one file and one line that enters it in `babyllama.config.tables.TASKS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ValidationError

from babyllama.config import Config
from babyllama.config.tables import TASKS
from babyllama.config.types import Section, Seed
from babyllama.errors import DataError, EvaluationError
from babyllama.evaluation.results import Result
from babyllama.registry import suggestion
from babyllama.runs import ModelPlace

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel
    from babyllama.evaluation.scoring import Progress


class NoData(DataError):
    """A task's data are not there: an error when the task was asked for by name, else a note."""


@dataclass(frozen=True)
class TaskData:
    """What a task reads."""

    content: Any
    fingerprints: dict[str, str]
    """Of everything in it that decides the numbers."""
    source: str = ""
    """Where it came from."""


class TaskSettings(Section):
    """Settings that every task has."""

    seed: Seed = 42
    """Draws subsets, ties and samples."""
    dtype: Literal["auto", "fp32", "bf16"] = "auto"
    """Number format of the model; `auto` is fp32, and what a task says beyond that."""


class Task(ABC):
    """One evaluation with its settings."""

    name: ClassVar[str]
    title: ClassVar[str]
    """What it measures, in a few words."""
    Settings: ClassVar[type[TaskSettings]] = TaskSettings
    result: ClassVar[type[Result]]
    places: ClassVar[tuple[str, ...]] = ()
    """Settings that say where the data lie: their content counts, not the path."""
    curve_columns: ClassVar[tuple[str, ...]] = ()
    """Numbers of `Result.curve`, where the task can be measured while a run trains."""
    reads_before_training: ClassVar[bool] = False
    """Can its data be read before there is a model, so that `train` finds what is wrong with them before it trains?"""
    needs_causal: ClassVar[bool] = False
    """Has it no meaning for a masked language model?"""

    again: bool = False
    """Is what was measured before to be measured again, in parts too?"""

    def __init__(self, settings: TaskSettings | None = None) -> None:
        self.settings = settings or self.Settings()

    @classmethod
    def configured(cls, config: Config) -> dict[str, Any]:
        """The settings that a run's configuration gives."""
        own = config.evaluation.seed
        return {"seed": config.training.seed if own is None else own}

    def deciding(self) -> dict[str, Any]:
        """The settings that decide the numbers."""
        return {name: value for name, value in self.settings.model_dump(mode="json").items() if name not in self.places}

    def result_name(self, data: TaskData, folder: Path) -> str:
        """The stem of the result's files among those in `folder`."""
        return self.name

    @abstractmethod
    def data(self, place: ModelPlace | None) -> TaskData:
        """What is read; `place` is the model, whose run may name its own. NoData when there are none, DataError."""

    @abstractmethod
    def score(self, loaded: LoadedModel, data: TaskData, progress: Progress | None = None) -> Result:
        """Measure the model. EvaluationError when it cannot be measured so."""


DEFAULT_TASKS = ("perplexity", "blimp")
"""What is evaluated where no task is named, each where its data are there."""


def build_tasks(names: Sequence[str] | None, options: Mapping[str, Any]) -> list[Task]:
    """The tasks `names` (None: the default ones) with those of `options` that are settings of theirs; None is not given.

    EvaluationError for an unknown task, an option that no task has, and a value that a setting does not take.
    """
    classes = [TASKS.get(name) for name in dict.fromkeys(DEFAULT_TASKS if names is None else names)]
    given = {name: value for name, value in options.items() if value is not None}
    known = {name for task in (*classes, *(TASKS.get(one) for one in TASKS)) for name in task.Settings.model_fields}
    for name in given:
        if name not in known:
            raise EvaluationError(f"unknown evaluation option {name!r}; {suggestion(name, sorted(known))}.")
    return [_with_settings(one, {k: v for k, v in given.items() if k in one.Settings.model_fields}) for one in classes]


def refuse_unread(tasks: Sequence[Task], options: Iterable[str]) -> None:
    """EvaluationError for an option that none of `tasks` reads: the numbers would be of something else than was asked for."""
    for name in options:
        if not any(name in task.Settings.model_fields for task in tasks):
            readers = ", ".join(one for one in TASKS if name in TASKS.get(one).Settings.model_fields)
            raise EvaluationError(
                f"--{name.replace('_', '-')} is not read by {', '.join(task.name for task in tasks)}, but by: {readers}. "
                "Leave it out, or name one of those with --tasks."
            )


def configured_tasks(config: Config, names: Sequence[str] | None = None) -> list[Task]:
    """The tasks that a configuration asks for at the end of training (or `names`), as it sets them."""
    classes = [TASKS.get(name) for name in dict.fromkeys(config.evaluation.tasks if names is None else names)]
    return [_with_settings(one, one.configured(config)) for one in classes]


def _with_settings(task: type[Task], values: Mapping[str, Any]) -> Task:
    values = {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
    try:
        return task(task.Settings.model_validate(values))
    except ValidationError as error:
        found = error.errors()[0]
        flag = "--" + str(found["loc"][0]).replace("_", "-")
        rule = found["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("should be ")
        raise EvaluationError(f"{flag} {found['input']}: must be {rule}.") from error
