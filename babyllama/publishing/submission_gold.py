"""What the evaluation data say about a file of predictions: how many there must be, of what name, with which texts, and what
they are worth.

The leaderboard compares predicted texts with the right ones, so white space has to be as it is in the data.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from babyllama.evaluation.choices.items import ChoiceSet
from babyllama.evaluation.choices.reading import read_rows
from babyllama.evaluation.statistics import spearman
from babyllama.evaluation.tasks.base import Task, TaskData
from babyllama.evaluation.tasks.reading import BASE, EYE_TRACKING, SELF_PACED, reading_scores
from babyllama.publishing.submission_layout import Part

Predictions = Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]
"""{UID: {"predictions": [{"id": "UID_0", "pred": text or number}]}}"""


class Gold(ABC):
    """The data behind one file of predictions."""

    def problems(self, found: Predictions) -> list[str]:
        """Everything in which `found` is no file of predictions for these data; the first of a kind stands for all."""
        expected, problems = self.counts(), []
        for uid in [*expected, *(uid for uid in found if uid not in expected)]:
            rows = found.get(uid, {}).get("predictions", [])
            if len(rows) != expected.get(uid, 0):
                problems.append(f"{uid} has {len(rows):,} predictions, the data have {expected.get(uid, 0):,}")
                continue
            odd = next((n for n, row in enumerate(rows) if not self.has_id(uid, n, row.get("id"))), None)
            if odd is not None:
                problems.append(f"{uid}: prediction {odd} has the id {rows[odd].get('id')!r}")
            problems += self.wrong_rows(uid, rows)[:1]
        return problems

    @abstractmethod
    def counts(self) -> dict[str, int]:
        """Items of the data by UID."""

    @abstractmethod
    def wrong_rows(self, uid: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """What is wrong with the predictions of as many items as there are."""

    @abstractmethod
    def values(self, found: Predictions) -> dict[str, float]:
        """The numbers that a checkpoint's results hold, as fractions."""

    def score(self, found: Predictions) -> float:
        """What the board shows, in per cent."""
        return 100 * fmean(self.values(found).values())

    def has_id(self, uid: str, number: int, given: Any) -> bool:
        """Is `given` the id of prediction `number`?"""
        return bool(given == f"{uid}_{number}")


@dataclass(frozen=True)
class ChoiceGold(Gold):
    """Items with texts to choose from."""

    items: dict[str, list[tuple[tuple[str, ...], str, float | None]]]
    """UID -> (texts that may be predicted, the right one, the share of people that gave the first)."""

    def counts(self) -> dict[str, int]:
        """By UID."""
        return {uid: len(rows) for uid, rows in self.items.items()}

    def wrong_rows(self, uid: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Texts that are none of the options, character by character."""
        problems = []
        for number, (row, (texts, _, human)) in enumerate(zip(rows, self.items[uid], strict=True)):
            pred = row.get("pred")
            if pred not in texts:
                spaces = isinstance(pred, str) and pred.split() in [text.split() for text in texts]
                what = "differs from the data in its white space" if spaces else "is none of the data's texts"
                problems.append(f"{uid}: prediction {number} {what} ({str(pred)[:60]!r})")
            elif human is not None and not _is_share(row.get("prob")):
                problems.append(f"{uid}: prediction {number} has no probability")
        return problems

    def values(self, found: Predictions) -> dict[str, float]:
        """Accuracy by UID; with people's answers, Spearman's correlation of the probability of the first form with them."""
        values = {}
        for uid, items in self.items.items():
            rows = found[uid]["predictions"]
            if items[0][2] is not None:
                values[uid] = spearman([row["prob"] for row in rows], [human or 0.0 for _, _, human in items])
            else:
                values[uid] = fmean(row["pred"] == right for row, (_, right, _) in zip(rows, items, strict=True))
        return values


@dataclass(frozen=True)
class ReadingGold(Gold):
    """Words with their reading times."""

    rows: list[dict[str, Any]]

    def counts(self) -> dict[str, int]:
        """All under one UID."""
        return {"reading": len(self.rows)}

    def has_id(self, uid: str, number: int, given: Any) -> bool:
        """The number alone will do: the pipeline writes it so."""
        return given == number or super().has_id(uid, number, given)

    def wrong_rows(self, uid: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Surprisals that are no numbers; a word without one before it has none of that."""
        problems = []
        for number, (row, word) in enumerate(zip(rows, self.rows, strict=True)):
            if not _is_number(row.get("pred")):
                problems.append(f"reading: prediction {number} ({word['word']!r}) is no number")
            elif word["prev_item"] and not _is_number(row.get("prev_pred")):
                problems.append(f"reading: prediction {number} ({word['word']!r}) has no number for the word before")
        return problems

    def values(self, found: Predictions) -> dict[str, float]:
        """Self-paced reading and eye tracking."""
        names = (*EYE_TRACKING, SELF_PACED, *BASE, "prev_length")
        table = {name: np.array([row[name] for row in self.rows], dtype=float) for name in names}
        rows = found["reading"]["predictions"]
        surprisal = {
            name: np.array([row[name] if _is_number(row.get(name)) else np.nan for row in rows])
            for name in ("pred", "prev_pred")
        }
        scores = reading_scores({**table, **surprisal})
        return {"spr": scores["self_paced"] / 100, "rt": scores["eye_tracking"] / 100}


@dataclass(frozen=True)
class LabelGold(Gold):
    """Rows with classes (GLUE)."""

    name: str
    labels: list[int]
    classes: int
    metric: str

    def counts(self) -> dict[str, int]:
        """The task is the UID."""
        return {self.name: len(self.labels)}

    def wrong_rows(self, uid: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Classes that there are not."""
        return [
            f"{uid}: prediction {number} is {row.get('pred')!r}, no class from 0 to {self.classes - 1}"
            for number, row in enumerate(rows)
            if type(row.get("pred")) is not int or not 0 <= row["pred"] < self.classes
        ]

    def values(self, found: Predictions) -> dict[str, float]:
        """F1 or accuracy, as the task is measured."""
        from babyllama.finetuning.glue_data import scores

        predicted = np.array([row["pred"] for row in found[self.name]["predictions"]])
        return {self.name: scores(predicted, np.array(self.labels))[self.metric]}


def gold_of(part: Part, task: Task, data: TaskData) -> Gold:
    """The data of `part`, which `task` has read."""
    if part.key == "reading":
        return ReadingGold(data.content)
    items: dict[str, list[tuple[tuple[str, ...], str, float | None]]] = {}
    if not isinstance(data.content, ChoiceSet):
        for pair in data.content[0].pairs:
            items.setdefault(pair.uid, []).append(((pair.good, pair.bad), pair.good, None))
        return ChoiceGold(items)
    choices = [one for one in data.content.items if part.column != "global_piqa" or one.uid == part.key]
    names = _example_ids(Path(data.source) / part.key) if part.column == "global_piqa" else [one.uid for one in choices]
    for name, one in zip(names, choices, strict=True):
        texts = tuple(option.predicted for option in one.options)
        items.setdefault(name, []).append((texts, texts[one.label], one.human))
    return ChoiceGold(items)


def as_the_board_has_it(part: Part, found: Predictions, gold: Gold | None) -> Predictions:
    """`found` as it is kept, under the UIDs that the collated file wants: of Global PIQA every item is one of its own."""
    if part.column != "global_piqa":
        return found
    rows = found.get(part.key, {}).get("predictions", [])
    names = list(gold.counts()) if gold is not None else [f"{part.key}_{number}" for number in range(len(rows))]
    return {
        name: {"predictions": [{"id": f"{name}_0", "pred": row["pred"]}]}
        for name, row in zip(names, rows, strict=False)
    }


def _example_ids(folder: Path) -> list[str]:
    """`example_id` of every row, or a number where there is none."""
    rows = [row for file in sorted(folder.glob("*.jsonl")) for _, row in read_rows(file, ())]
    names = [str(row.get("example_id", f"{folder.name}_{number}")) for number, row in enumerate(rows)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    return [f"{name}_{number}" for number, name in enumerate(names)] if twice else names


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1
