"""What multiple choice gives back: accuracy by group, or agreement with people."""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any, ClassVar, Self

import numpy as np

from babyllama.evaluation.choices.differences import Decisions, differences_from_first, kept_decisions
from babyllama.evaluation.choices.items import Choice, ChoiceSet
from babyllama.evaluation.choices.scoring import ChoiceScores
from babyllama.evaluation.results import Bars, Measure, Result, Score, Table
from babyllama.evaluation.statistics import mean_of_proportions, wilson
from babyllama.text import listed, markdown, percent

_COLUMNS = ("accuracy %", "95 % interval", "items", "ties")


class OfChoices(Result):
    """What every result on multiple choice has: a set, a year's rules, a backend, predictions."""

    probabilities: ClassVar[bool] = False
    """Does the predictions file state the probability of the first answer?"""

    @classmethod
    @abstractmethod
    def of(cls, choices: ChoiceSet, scores: ChoiceScores, facts: dict[str, Any]) -> Self:
        """From scored items; `facts` (year, fast, reduction, seconds ...) are kept as they are."""

    @property
    def key(self) -> str:
        """The name of the set."""
        return str(self.numbers["set"])

    @property
    def same(self) -> tuple[Any, ...]:
        """Sets of different years, fast ones, and other backends are measured differently."""
        return (self.kind, self.key, *(self.numbers.get(name) for name in ("year", "fast", "backend")))

    @property
    def items(self) -> tuple[bool, int]:
        """(is it the whole set?, items)"""
        return (self.numbers["n"] >= self.numbers.get("expected", math.inf), self.numbers["n"])

    def files(self, stem: str) -> dict[str, Iterable[str]]:
        """Every score and choice, and the choices as the BabyLM pipelines write them."""
        choices, scores = self.measured
        return {
            f"{stem}_predictions.jsonl": _prediction_rows(choices, scores),
            f"official/{stem}_predictions.json": [
                json.dumps(official_predictions(choices, scores, probability=self.probabilities), ensure_ascii=False)
            ],
        }

    def notes(self) -> list[str]:
        """Scores that are no numbers, items that are too long, counts that are not the published ones."""
        found, notes = self.numbers, []
        if found["nan"]:
            notes.append(
                f"{self.key}: {found['nan']} items have a score that is not a number: the model's weights are broken"
            )
        long = found["items_longer_than_context"]
        if long:
            how = "in overlapping windows" if found["backend"] == "causal" else "from their end, as much as fits"
            notes.append(
                f"{self.key}: {long:,} of {found['n']:,} items are longer than the model's context and were read {how} "
                f"({listed([f'{uid}: {count:,}' for uid, count in found['longer_by_uid'].items()])})"
            )
        return notes + list(found.get("remarks", ()))


class ChoiceResult(OfChoices):
    """Accuracy: the mean over UIDs (in a set of several files, the mean over files of the mean over their UIDs)."""

    kind = "choices"

    @classmethod
    def of(cls, choices: ChoiceSet, scores: ChoiceScores, facts: dict[str, Any]) -> Self:
        """Accuracies of scored items."""
        rows: dict[str, list[int]] = {}
        for number, item in enumerate(choices.items):
            rows.setdefault(item.uid, []).append(number)
        groups = {uid: _group(choices.items, scores, numbers) for uid, numbers in rows.items()}
        weights = _weights(groups)
        low, high = mean_of_proportions(
            [row["correct"] for row in groups.values()], [row["n"] for row in groups.values()], weights=weights
        )
        credits = [scores.credit[numbers].mean() for numbers in rows.values()]
        numbers = {
            "set": choices.name,
            **facts,
            "backend": scores.backend,
            "accuracy": float(np.dot(weights, [row["accuracy"] for row in groups.values()])),
            "accuracy_low": low,
            "accuracy_high": high,
            "accuracy_with_ties_shared": float(np.dot(weights, credits)),
            "chance": float(np.dot(weights, [row["chance"] for row in groups.values()])),
            "n": len(choices.items),
            "ties": int(scores.ties.sum()),
            "nan": int(scores.nan.sum()),
            **longer_items(choices, scores),
            "groups": groups,
        }
        return cls(numbers, measured=(choices, scores))

    def score(self) -> Score:
        """Accuracy in per cent."""
        found = self.numbers
        low, high = 100 * found["accuracy_low"], 100 * found["accuracy_high"]
        return Score(100 * found["accuracy"], low, high, found["n"], found["ties"], 100 * found["chance"])

    def headline(self) -> list[Measure]:
        """Accuracy, with the year's rules and the number of items."""
        found = self.numbers
        rules = f"rules of {found['year']}, backend `{found['backend']}`"
        label = f"{markdown(self.key)}; {rules}, {found['n']:,} items, {found['ties']} ties"
        return [Measure(label, f"{percent(found['accuracy'], 2)} %")]

    def tables(self, *, details: bool = False) -> list[Table]:
        """By file, or by UID where there is one kind of average or `details` are wanted."""
        found = self.numbers
        groups: dict[str, Any] = found["groups"]
        files = dict.fromkeys(row["file"] for row in groups.values())
        rows: list[Sequence[str]] = []
        bold = set()
        for file in files:
            inside = {uid: row for uid, row in groups.items() if row["file"] == file}
            if len(files) > 1:
                bold.add(len(rows))
                mean = percent(fmean(row["accuracy"] for row in inside.values()), 2)
                n, ties = (sum(row[key] for row in inside.values()) for key in ("n", "ties"))
                rows.append((file, mean, "", f"{n:,}", str(ties)))
            if details or len(files) == 1:
                rows += [_cells(uid, row) for uid, row in inside.items()]
        interval = f"95 % interval {percent(found['accuracy_low'], 2)} to {percent(found['accuracy_high'], 2)}"
        title = f"{self.key}: {percent(found['accuracy'], 2)} % ({interval}; chance {percent(found['chance'])})"
        counts = f"{found['n']:,} items, rules of {found['year']}, backend {found['backend']}, {found['ties']} ties, {found['nan']} not a number"
        return [Table(title, _COLUMNS, rows, frozenset(bold), above=(counts, ""))]

    def curve(self) -> dict[str, float]:
        """Accuracy and number of items."""
        return {"items": self.numbers["n"], "accuracy": self.numbers["accuracy"]}

    def bars(self) -> Bars:
        """Accuracy by UID."""
        found = self.numbers
        title = f"{self.key}: {percent(found['accuracy'])} %"
        values = {uid.replace("_", " "): 100 * row["accuracy"] for uid, row in found["groups"].items()}
        bounds = {uid.replace("_", " "): (row["low"], row["high"]) for uid, row in found["groups"].items()}
        bounds["mean"] = (found["accuracy_low"], found["accuracy_high"])
        intervals = {name: (100 * low, 100 * high) for name, (low, high) in bounds.items()}
        mean = ("mean", 100 * found["accuracy"])
        return Bars(title, "accuracy, %", values, mean, chance=100 * found["chance"], intervals=intervals)

    @property
    def decisions(self) -> Decisions | None:
        """UID -> which of its items were right; None where that is not kept, or not what the numbers count."""
        if self.measured is not None:
            choices, scores = self.measured
            uids = np.array([item.uid for item in choices.items])
            return {uid: scores.correct[uids == uid] for uid in self.numbers["groups"]}
        found = kept_decisions(self.stored) if self.stored is not None else None
        counted = {uid: row["correct"] for uid, row in self.numbers["groups"].items()}
        return found if found is not None and {uid: int(rows.sum()) for uid, rows in found.items()} == counted else None

    @classmethod
    def compare(cls, models: Sequence[str], results: Sequence[ChoiceResult]) -> list[dict[str, Any]]:
        """Accuracies side by side, and of every later model how far it is from the first, item by item."""
        weights = _weights(results[0].numbers["groups"])
        apart = differences_from_first([one.decisions for one in results], weights)
        rows: list[dict[str, Any]] = [
            {
                "model": model,
                "accuracy": one.numbers["accuracy"],
                "interval": [one.numbers["accuracy_low"], one.numbers["accuracy_high"]],
                "chance": one.numbers["chance"],
                "groups": {uid: row["accuracy"] for uid, row in one.numbers["groups"].items()},
            }
            for model, one in zip(models, results, strict=True)
        ]
        for row, difference in zip(rows[1:], apart, strict=True):
            row["against_first"] = difference
        return rows

    @classmethod
    def heat_map(cls, key: str, compared: Any) -> tuple[Bars, ...]:
        """Accuracy by UID, a column for each model, where there are several UIDs."""
        if len(compared[0]["groups"]) < 2:
            return ()
        return tuple(
            Bars(
                f"{key}\n{one['model']}",
                "accuracy, %",
                {uid.replace("_", " "): 100 * value for uid, value in one["groups"].items()},
                ("mean", 100 * one["accuracy"]),
                chance=100 * one["chance"],
            )
            for one in compared
        )

    @classmethod
    def differences(cls, key: str, compared: Any) -> tuple[Bars, ...]:
        """Points of accuracy by UID, one for each later model whose decisions are kept."""
        found = []
        for one in compared[1:]:
            if one["against_first"] is None:
                continue
            rows = {uid.replace("_", " "): row for uid, row in one["against_first"]["groups"].items()}
            mean = one["against_first"]["mean"]
            intervals = {name: (100 * low, 100 * high) for name, (_, low, high) in {**rows, "mean": mean}.items()}
            title = f"difference from {compared[0]['model']}\n{one['model']}"
            values = {name: 100 * row[0] for name, row in rows.items()}
            found.append(Bars(title, "difference in accuracy, points", values, ("mean", 100 * mean[0]), 0, intervals))
        return tuple(found)

    @classmethod
    def comparison_tables(cls, key: str, compared: Any) -> list[Table]:
        """A row for each UID and one for the mean."""
        uids = list(dict.fromkeys(uid for model in compared for uid in model["groups"]))
        rows = [[uid, *(percent(model["groups"].get(uid), 2) for model in compared)] for uid in uids]
        rows.append(["mean", *(percent(model["accuracy"], 2) for model in compared)])
        rows.append(["95 % interval", *("-".join(percent(end) for end in model["interval"]) for model in compared)])
        title = f"{key}: accuracy %"
        return [Table(title, [model["model"] for model in compared], rows, frozenset({len(rows) - 2}))]


def first_probability(values: np.ndarray) -> float:
    """Probability of the first of several answers with the log-probabilities `values`: a soft-max over them."""
    known = values - np.max(values)
    return float(np.exp(known[0]) / np.exp(known).sum())


def longer_items(choices: ChoiceSet, scores: ChoiceScores) -> dict[str, Any]:
    """How many items are longer than the model's context, in all and by UID."""
    by_uid = Counter(item.uid for item, long in zip(choices.items, scores.longer, strict=True) if long)
    return {"items_longer_than_context": by_uid.total(), "longer_by_uid": dict(by_uid)}


def official_predictions(choices: ChoiceSet, scores: ChoiceScores, *, probability: bool = False) -> dict[str, Any]:
    """The pipelines' predictions.json: UID -> {"predictions": [{"id": "<UID>_<n>", "pred": text}]}, with "prob" for WUG."""
    table: dict[str, Any] = {}
    for item, chosen, values in zip(choices.items, scores.chosen, scores.values, strict=True):
        rows = table.setdefault(item.uid, {"predictions": []})["predictions"]
        row: dict[str, Any] = {"id": f"{item.uid}_{len(rows)}", "pred": item.options[chosen].predicted}
        if probability:
            row["prob"] = first_probability(values)
        rows.append(row)
    return table


def _prediction_rows(choices: ChoiceSet, scores: ChoiceScores) -> Iterable[str]:
    for number, item in enumerate(choices.items):
        row: dict[str, Any] = {
            "uid": item.uid,
            "scores": [float(value) if math.isfinite(value) else None for value in scores.values[number]],
            "chosen": int(scores.chosen[number]),
            "label": item.label,
            "tie": bool(scores.ties[number]),
            "longer_than_context": bool(scores.longer[number]),
            "options": [one.text for one in item.options],
        }
        if item.human is not None:
            row["human"] = item.human
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _group(items: Sequence[Choice], scores: ChoiceScores, numbers: Sequence[int]) -> dict[str, Any]:
    correct, n = int(scores.correct[numbers].sum()), len(numbers)
    low, high = wilson(correct, n)
    return {
        "accuracy": correct / n,
        "correct": correct,
        "n": n,
        "ties": int(scores.ties[numbers].sum()),
        "low": low,
        "high": high,
        "chance": fmean(1 / len(items[number].options) for number in numbers),
        "file": items[numbers[0]].file,
    }


def _weights(groups: dict[str, Any]) -> list[float]:
    """What each UID counts in the mean over files of the mean over their UIDs."""
    files = [row["file"] for row in groups.values()]
    return [1 / len(set(files)) / files.count(file) for file in files]


def _cells(name: str, row: dict[str, Any]) -> Sequence[str]:
    interval = f"{percent(row['low'])}-{percent(row['high'])}"
    return name, percent(row["accuracy"], 2), interval, f"{row['n']:,}", str(row["ties"])
