"""A suite on one model: every column scored, or why it is missing; averages as the board has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from babyllama import console
from babyllama.artifacts import write_sealed
from babyllama.config.tables import TASKS
from babyllama.errors import EvaluationError
from babyllama.evaluation.models import LoadedModel
from babyllama.evaluation.results import Result, Score
from babyllama.evaluation.runner import ModelEvaluations
from babyllama.evaluation.suites.floors import frequency_floor, training_frequencies
from babyllama.evaluation.suites.suite import Column, Suite
from babyllama.evaluation.tasks import NoData, build_tasks
from babyllama.runs import ModelPlace, RunPaths, locate_model, result_name
from babyllama.runs.paths import words_of

GROUPS = ("Overall", "NLP", "Human-like")


@dataclass(frozen=True)
class Cell:
    """One column of one model."""

    column: Column
    score: Score | None = None
    missing: str | None = None
    """Why there is no score."""
    frequency: float | None = None
    """What choosing the more frequent words gets, in per cent."""
    expected: int | None = None
    """Items of the whole published set."""
    result: Result | None = None

    @property
    def is_part(self) -> bool:
        """Is it scored on fewer items than were published?"""
        return self.score is not None and self.expected is not None and self.score.items < self.expected


@dataclass(frozen=True)
class SuiteReport:
    """A suite on one model."""

    suite: Suite
    model: str
    fast: bool
    cells: list[Cell]
    words_seen: int | None = None

    def average(self, group: str) -> float | None:
        """Plain mean of the columns of `group` that there are; None where there are none."""
        scores = [cell.score.value for cell in self._of(group) if cell.score is not None]
        return sum(scores) / len(scores) if scores else None

    def board(self, group: str) -> float | None:
        """The same with 0 for each column that is missing or was not asked for, as the board of 2026 counts; None without columns."""
        of = self._size(group)
        return sum(cell.score.value for cell in self._of(group) if cell.score is not None) / of if of else None

    def complete(self, group: str) -> tuple[int, int]:
        """(columns of `group` that have a score, all that the suite has in this set)"""
        return sum(cell.score is not None for cell in self._of(group)), self._size(group)

    def _of(self, group: str) -> list[Cell]:
        return [cell for cell in self.cells if group in ("Overall", cell.column.group)]

    def _size(self, group: str) -> int:
        return sum(group in ("Overall", column.group) for column in self.suite.picked(None, fast=self.fast))

    def to_json(self) -> dict[str, Any]:
        """For `--json` and the run folder."""
        return {
            "suite": self.suite.name,
            "model": self.model,
            "fast": self.fast,
            "words_seen": self.words_seen,
            "columns": {
                cell.column.name: {
                    "title": cell.column.title,
                    "score": None if cell.score is None else asdict(cell.score),
                    "missing": cell.missing,
                    "word_frequency_floor": cell.frequency,
                    "published_items": cell.expected,
                    "numbers": None if cell.result is None else cell.result.numbers,
                }
                for cell in self.cells
            },
            "averages": {
                group: {"mean": self.average(group), "missing_as_0": self.board(group), "columns": self.complete(group)}
                for group in GROUPS
            },
        }


def run_suite(
    place: ModelPlace,
    load: Callable[[], LoadedModel],
    suite: Suite,
    options: Mapping[str, Any],
    *,
    names: Sequence[str] | None = None,
    fast: bool = False,
    again: bool = False,
    floors: bool = True,
) -> SuiteReport:
    """Score the columns `names` (None: all) of `suite` on one model; what has no data is missing with its reason, the rest runs.

    `options` are settings of the tasks (data, backend, seed, dtype). Results of a run's model are kept in its folder, and
    shared with its other checkpoints where the weights are the same. EvaluationError, DataError.
    """
    evaluations = ModelEvaluations(place, load, again=again, others=_result_folders(place.run))
    frequencies = training_frequencies(place) if floors else None
    cells = []
    for column in suite.picked(names, fast=fast):
        if column.task not in TASKS:
            cells.append(Cell(column, missing="this version of BabyLlama has no such task"))
            continue
        (task,) = build_tasks([column.task], suite.options(column, {**options, "fast": fast}))
        try:
            result = evaluations.result(task)
        except NoData as error:
            cells.append(Cell(column, missing=str(error)))
            continue
        assert result is not None
        score = result.score()
        floor = None
        if frequencies is not None and score is not None:
            floor = frequency_floor(
                task.data(place).content, frequencies, mean=getattr(task, "reduction", "") == "mean"
            )
        published = getattr(task, "published", None)
        expected = sum(published().values()) if published is not None else None
        reason = None if score is not None else "the result holds no number"
        cells.append(Cell(column, score, reason, floor, expected, result))
    report = SuiteReport(suite, place.name, fast, cells, place.words_seen)
    if place.results is not None and names is None:
        name = result_name("suite", suite.name, *(["fast"] if fast else []))
        write_sealed(place.results / f"{name}.json", report.to_json())
    return report


def run_revisions(
    place: ModelPlace,
    load: Callable[[ModelPlace], LoadedModel],
    suite: Suite,
    options: Mapping[str, Any],
    wanted: Sequence[str],
    **more: Any,
) -> list[SuiteReport]:
    """The fast set on each words-seen checkpoint of a run, oldest first, and the full one on its final model.

    `wanted` names checkpoints (chck_1M) and `main`; `all` stands for all there are. EvaluationError for a model that is no run,
    and for a checkpoint that is not there.
    """
    if place.run is None or place.checkpoint is not None:
        raise EvaluationError(
            f"--revisions wants a run folder, whose checkpoints/chck_* it scores; {place.source} is none. Give the checkpoints "
            "one by one instead."
        )
    there = words_checkpoints(place.run)
    chosen = [*there, "main"] if list(wanted) == ["all"] else list(wanted)
    unknown = [name for name in chosen if name not in (*there, "main")]
    if unknown:
        known = ", ".join(there) or "none"
        raise EvaluationError(f"{place.run.root} has no checkpoint {unknown[0]}; there are: {known}, and main.")
    reports = []
    for name in chosen:
        one = place if name == "main" else locate_model(place.run.checkpoints / name)
        console.say(f"{one.name}: {'the full set' if name == 'main' else 'the fast set'}")
        picked = dict(more)
        if name != "main" and more.get("names") is not None:
            # What a fast set lacks (COMPS, GLUE, AoA) is scored on the final model alone.
            picked["names"] = [column.name for column in suite.picked(more["names"], fast=False) if column.fast]
        loading = lambda at=one: load(at)  # noqa: E731
        reports.append(run_suite(one, loading, suite, options, fast=name != "main", **picked))
    return reports


def words_checkpoints(run: RunPaths) -> list[str]:
    """Names of a run's words-seen checkpoints (chck_1M ...), by words."""
    if not run.checkpoints.is_dir():
        return []
    found = [(words, path.name) for path in run.checkpoints.iterdir() if (words := words_of(path)) is not None]
    return [name for _, name in sorted(found)]


def _result_folders(run: RunPaths | None) -> list[Path]:
    if run is None:
        return []
    below = run.checkpoint_evaluation("x").parent
    return [run.evaluation, *(sorted(below.iterdir()) if below.is_dir() else [])]
