"""The seven classification tasks of BabyLM: their files, how a row becomes two texts, and what is reported.

GLUE (Wang et al. 2018, doi:10.18653/v1/W18-5446) and SuperGLUE (Wang et al. 2019), in the files of the BabyLM evaluation data:
`<task>.train.jsonl` and `<task>.valid.jsonl` in a folder `glue_filtered`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from babyllama.artifacts import read_text
from babyllama.errors import DataError

FOLDER = "glue_filtered"


@dataclass(frozen=True)
class Subtask:
    """One task: two texts, told apart by a classifier."""

    name: str
    first: tuple[str, ...]
    """Columns of the first text."""
    second: tuple[str, ...]
    """Columns of the second text."""
    rows: int
    """In the published validation file."""
    template: str = "{}"
    """The first text, made of its columns."""
    labels: int = 2
    metric: Literal["accuracy", "f1"] = "accuracy"
    batch_size: int = 32
    epochs: int = 10


GLUE = {
    task.name: task
    for task in (
        Subtask("boolq", ("question",), ("passage",), 1635, batch_size=16),
        Subtask("mnli", ("premise",), ("hypothesis",), 4908, labels=3),
        Subtask("mrpc", ("sentence1",), ("sentence2",), 204, metric="f1"),
        Subtask("multirc", ("question", "answer"), ("paragraph",), 2424, "Question: {} Answer: {}", batch_size=16),
        Subtask("qqp", ("question1",), ("question2",), 20215, metric="f1"),
        Subtask("rte", ("sentence1",), ("sentence2",), 139),
        Subtask(
            "wsc", ("span2_text", "span1_text"), ("text",), 52, 'Does "{}" refer to "{}" in this passage?', epochs=30
        ),
    )
}
"""In the order of the official pipeline's report, with its batch sizes and epochs."""


@dataclass(frozen=True)
class Examples:
    """Pairs of texts and their classes."""

    pairs: list[tuple[str, str]]
    labels: np.ndarray
    """[N] int64, from 0 on."""
    ids: list[Any]
    """`idx` of each row."""

    def __len__(self) -> int:
        return len(self.pairs)


def glue_folder(data: Path) -> Path | None:
    """The folder of GLUE files in a folder of evaluation data, however deep it was named; None when there is none."""
    for folder in (data, data / FOLDER, data / "full_eval" / FOLDER):
        if any(folder.glob("*.train.jsonl")):
            return folder
    return None


def glue_files(folder: Path, task: str) -> tuple[Path, Path]:
    """Where the training and the validation rows of a task are, or would be."""
    return folder / f"{task}.train.jsonl", folder / f"{task}.valid.jsonl"


def read_examples(path: Path, task: Subtask, most: int | None = None) -> Examples:
    """The rows of a file, or its first `most`. DataError naming file and line for one that is not of this task."""
    pairs: list[tuple[str, str]] = []
    labels: list[int] = []
    ids: list[Any] = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip() or len(pairs) == most:
            continue
        row = _row(line, f"{path}, line {number}", task)
        first = task.template.format(*(row[name] for name in task.first))
        pairs.append((first, row[task.second[0]]))
        labels.append(row["label"])
        ids.append(row.get("idx", len(ids)))
    if not pairs:
        raise DataError(f"{path} holds no rows. Fetch the BabyLM evaluation data again.")
    return Examples(pairs, np.array(labels, dtype=np.int64), ids)


def _row(line: str, place: str, task: Subtask) -> Mapping[str, Any]:
    columns: Sequence[str] = (*task.first, *task.second)
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place}: no JSON ({error}).") from error
    missing = [name for name in columns if not isinstance(row, dict) or not isinstance(row.get(name), str)]
    if missing:
        raise DataError(
            f"{place}: no row of {task.name}: it has no text in {', '.join(missing)}. Is this file of another task?"
        )
    label = row.get("label")
    if type(label) is not int or not 0 <= label < task.labels:
        raise DataError(
            f"{place}: label {label!r} is none of {task.name}'s classes, 0 to {task.labels - 1}. A test set without labels "
            "cannot be scored here."
        )
    return row


def scores(predicted: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy, and of two classes the F1 of class 1, as fractions; F1 without any hit is 0."""
    found = {"accuracy": float((predicted == labels).mean())}
    if max(predicted.max(), labels.max()) < 2:
        hits = int(((predicted == 1) & (labels == 1)).sum())
        of = int((predicted == 1).sum()) + int((labels == 1).sum())
        found["f1"] = 2 * hits / of if hits else 0.0
    return found


def floor(task: Subtask, labels: np.ndarray) -> float:
    """What a classifier gets that gives every row the same class, the better one by the task's measure."""
    return max(scores(np.full_like(labels, one), labels).get(task.metric, 0.0) for one in range(task.labels))
