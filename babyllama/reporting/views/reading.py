"""A run folder as a report reads it: what is there is shown, and what is missing or damaged is named."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from babyllama.config import Config
from babyllama.errors import BabyLlamaError, RunError
from babyllama.evaluation.results import Result, result_of
from babyllama.runs import Run, RunPaths, RunRecord, StoredResult, TrainingMetrics
from babyllama.runs.results import load_result
from babyllama.runs.rows import Columns, read_columns
from babyllama.text import one_line

Read = TypeVar("Read")


@dataclass(frozen=True)
class Kept:
    """A result and the name it is kept under."""

    name: str
    task: str
    result: Result
    words_seen: int | None


@dataclass
class Reading:
    """The contents of a run folder; parts that are not there or not whole are None or empty, and named in `problems`."""

    paths: RunPaths
    label: str
    config: Config | None = None
    record: RunRecord | None = None
    metrics: TrainingMetrics | None = None
    losses: Columns = field(default_factory=dict)
    curves: dict[str, Columns] = field(default_factory=dict)
    """Task -> its scores while the run trained."""
    results: list[Kept] = field(default_factory=list)
    checkpoint_results: list[Kept] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Has training ended?"""
        return self.paths.metrics.is_file()

    @property
    def in_training(self) -> bool:
        """Does a process write there, or did one end without a word?"""
        return self.paths.lock.exists()

    def resolve(self, path: str) -> Path:
        """A path of the run's configuration as it was meant when it was trained."""
        return Path(self.record.resolve(self.paths.root, path) if self.record is not None else path)


def read_runs(folders: Sequence[str | Path]) -> list[Reading]:
    """The runs in `folders`; a folder that is named again is left out. RunError for one that holds nothing of a run."""
    different = {Path(folder).resolve(): RunPaths(Path(folder)) for folder in folders}
    readings = [_read(paths) for paths in different.values()]
    for reading, label in zip(readings, _labels(readings), strict=True):
        reading.label = label
    return readings


def _read(paths: RunPaths) -> Reading:
    root = paths.root
    if not root.is_dir():
        raise RunError(f"{root} is not a run folder: there is no such folder. Name one that `babyllama train` made.")
    if not any(file.exists() for file in (paths.config, paths.record, paths.losses, paths.metrics, paths.evaluation)):
        raise RunError(f"{root} is not a run folder: it has no {paths.config.name}, {paths.losses.name} or results.")
    reading, run = Reading(paths, root.resolve().name), Run(root)
    reading.config = _part(reading, paths.config, lambda: run.config, "no configuration")
    reading.record = _part(reading, paths.record, lambda: run.record, "no versions, no device")
    reading.metrics = _part(reading, paths.metrics, lambda: run.metrics, "the run has not ended, or lost its totals")
    reading.losses = _part(reading, paths.losses, lambda: read_columns(paths.losses), "no curves") or {}
    if reading.metrics is not None:
        damage = reading.metrics.damaged_curve(paths)
        reading.problems += [damage] if damage else []
    if reading.finished and not (paths.final / "config.json").is_file():
        reading.problems.append(f"{paths.final} is not there: the model itself is missing.")
    for file in sorted(root.glob(paths.curve("*").name)):
        columns = _part(reading, file, lambda file=file: read_columns(file), "")  # type: ignore[misc]
        if columns:
            reading.curves[file.stem.removesuffix("_curve")] = columns
    reading.results = _results(reading, paths.evaluation)
    for folder in sorted(paths.checkpoint_evaluation("x").parent.glob("*")):
        reading.checkpoint_results += _results(reading, folder)
    if not reading.results:
        reading.problems.append(f"{root} has no results of evaluations: `babyllama evaluate {root}` makes them.")
    return reading


def _part(reading: Reading, file: Path, read: Callable[[], Read], without: str) -> Read | None:
    """What `read` gives; None, and the reason among the problems, where the file is not there or not whole."""
    if not file.exists():
        reading.problems.append(f"{file} is not there: {without}.")
        return None
    try:
        return read()
    except BabyLlamaError as error:
        reading.problems.append(str(error))
    except OSError as error:
        reading.problems.append(f"{file} cannot be read: {error.strerror or error}.")
    return None


def _results(reading: Reading, folder: Path) -> list[Kept]:
    found = []
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        stored: StoredResult | None = _part(reading, file, lambda file=file: load_result(file), "")  # type: ignore[misc]
        if stored is None:
            continue
        result = result_of(stored, folder)
        if result is None:
            reading.problems.append(
                f"{file} is of the task {stored.task!r}, which is not known here; --plugin loads one of your own."
            )
        else:
            found.append(Kept(stored.name, stored.task, result, stored.words_seen))
    return found


def _labels(readings: Sequence[Reading]) -> list[str]:
    """The runs' names; of those of one name, the folders that tell them apart as well."""
    names = [one_line(one.config.model.name if one.config is not None else one.label) for one in readings]
    labels = []
    for number, reading in enumerate(readings):
        name = names[number]
        if names.count(name) > 1:
            same = [str(one.paths.root.resolve()) for one, other in zip(readings, names, strict=True) if other == name]
            common = os.path.commonpath(same)
            name = f"{name} ({one_line(os.path.relpath(reading.paths.root.resolve(), common))})"
        labels.append(name)
    return labels
