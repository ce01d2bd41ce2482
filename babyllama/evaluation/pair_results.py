"""What scoring minimal pairs yields: decisions per pair and their averages, ready for JSON, CSV and
tables."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from babyllama.errors import DamagedFileError
from babyllama.evaluation.pairs import BLIMP_NAME, MinimalPair, PairSet
from babyllama.evaluation.statistics import mean_of_proportions, wilson
from babyllama.runs.results import load_result
from babyllama.text import csv_cell


@dataclass(frozen=True)
class PairScores:
    """Scores of N pairs in order; natural logarithms, summed or averaged over tokens as the protocol says."""

    good: np.ndarray
    bad: np.ndarray
    good_tokens: np.ndarray
    bad_tokens: np.ndarray
    correct: np.ndarray
    """Decision per pair (bool)."""
    ties: np.ndarray
    """Pairs whose two scores are equal as the protocol sees them (bool)."""

    @cached_property
    def nan(self) -> np.ndarray:
        """Pairs with a score that is not a number."""
        return np.isnan(self.good) | np.isnan(self.bad)


@dataclass
class MinimalPairResults:
    """One model's decisions on one set of minimal pairs under one protocol. Accuracies are fractions."""

    pair_set: PairSet
    model: str
    protocol: str
    scores: PairScores
    ties_are_drawn: bool = False
    seconds: float = 0.0
    scoring: dict[str, Any] = field(default_factory=dict)
    """Number format, share scored again in fp32, sentences longer than the context, ..."""
    seed: int = 42
    remarks: Sequence[str] = ()
    """What a reader must know about the pairs, a line each."""

    @property
    def name(self) -> str:
        """What the set is called."""
        return self.pair_set.name

    @property
    def pairs(self) -> list[MinimalPair]:
        """The pairs, in the order of the scores."""
        return self.pair_set.pairs

    @property
    def accuracy(self) -> float:
        """Plain mean over paradigms: the customary BLiMP score under every protocol here."""
        return float(np.mean([row["accuracy"] for row in self.paradigms.values()]))

    @cached_property
    def paradigms(self) -> dict[str, dict[str, Any]]:
        """UID -> accuracy, n, ties, nan, Wilson interval, field, term."""
        table = self._group(lambda pair: pair.uid)
        by_uid = {pair.uid: pair for pair in self.pairs}
        for uid, row in table.items():
            row.update(field=by_uid[uid].field, term=by_uid[uid].term)
        return table

    @cached_property
    def terms(self) -> dict[str, dict[str, Any]]:
        """Linguistic term (phenomenon) -> the same numbers over its pairs."""
        return self._group(lambda pair: pair.term)

    @cached_property
    def fields(self) -> dict[str, dict[str, Any]]:
        """Field -> the same numbers over its pairs."""
        return self._group(lambda pair: pair.field)

    @property
    def n(self) -> int:
        """Number of pairs."""
        return len(self.pairs)

    @property
    def ties(self) -> int:
        """Number of pairs with exactly equal scores."""
        return int(self.scores.ties.sum())

    @property
    def nan(self) -> int:
        """Number of pairs with a score that is not a number."""
        return int(self.scores.nan.sum())

    @cached_property
    def interval(self) -> tuple[float, float]:
        """95 % interval of `accuracy`: the paradigms are fixed, their pairs are a sample."""
        groups = [self.scores.correct[rows] for rows in self._rows(lambda p: p.uid).values()]
        return mean_of_proportions([int(group.sum()) for group in groups], [len(group) for group in groups])

    @property
    def half_credit_accuracy(self) -> float:
        """`accuracy` when each tie counts one half: what a draw gives on average."""
        credit = np.where(self.scores.ties, 0.5, self.scores.correct)
        return float(np.mean([credit[rows].mean() for rows in self._rows(lambda p: p.uid).values()]))

    @property
    def of(self) -> str:
        """How many paradigms the average is over, e.g. "66 of 67 paradigms"."""
        count = len(self.paradigms)
        total = count + len(self.pair_set.missing)
        return f"{count} of {total} paradigms" if self.pair_set.missing else f"{count} paradigms"

    @cached_property
    def length_bias(self) -> dict[str, dict[str, Any]]:
        """Accuracy where the good sentence has more, as many, or fewer scored tokens than the bad one."""
        difference = np.sign(self.scores.good_tokens - self.scores.bad_tokens)
        groups = {"good_longer": difference > 0, "equal": difference == 0, "good_shorter": difference < 0}
        return {name: self._numbers(np.flatnonzero(rows)) for name, rows in groups.items()}

    # --------------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Everything but the single pairs."""
        low, high = self.interval
        value: dict[str, Any] = {
            "set": self.name,
            "subset": self.pair_set.is_part,
            "set_size": self.pair_set.size,
            "protocol": self.protocol,
            "accuracy": self.accuracy,
            "accuracy_low": low,
            "accuracy_high": high,
            "accuracy_over_pairs": float(self.scores.correct.mean()),
            "accuracy_over_terms": float(np.mean([row["accuracy"] for row in self.terms.values()])),
            "average_of": self.of,
            "missing_paradigms": self.pair_set.missing,
            "n": self.n,
            "ties": self.ties,
            "nan": self.nan,
            "paradigms": self.paradigms,
            "terms": self.terms,
            "fields": self.fields,
            "length_bias": self.length_bias,
            "scoring": self.scoring,
            "seconds": round(self.seconds, 3),
        }
        if self.ties_are_drawn:
            value["accuracy_with_ties_as_half"] = self.half_credit_accuracy
            value["seed"] = self.seed
        return _finite(value)

    def to_csv(self) -> str:
        """One row per paradigm: uid, field, term, accuracy, n, ties, nan, low, high."""
        text = io.StringIO()
        columns = ["accuracy", "n", "ties", "nan", "low", "high"]
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["uid", "field", "term", *columns])
        for uid, row in self.paradigms.items():
            names = (csv_cell(name) for name in (uid, row["field"], row["term"]))
            writer.writerow([*names, *(row[column] for column in columns)])
        return text.getvalue()

    def predictions(self) -> Iterable[dict[str, Any]]:
        """One object per pair: what was compared, both scores, and the decision."""
        scores = self.scores
        for index, pair in enumerate(self.pairs):
            yield {
                "uid": pair.uid,
                "pair_id": pair.pair_id,
                "good_score": _number(scores.good[index]),
                "bad_score": _number(scores.bad[index]),
                "good_tokens": int(scores.good_tokens[index]),
                "bad_tokens": int(scores.bad_tokens[index]),
                "correct": bool(scores.correct[index]),
                "tie": bool(scores.ties[index]),
                "sentence_good": pair.good,
                "sentence_bad": pair.bad,
            }

    def official_predictions(self) -> dict[str, Any]:
        """The BabyLM pipelines' predictions.json: UID -> {"predictions": [{"id": "<UID>_<n>", "pred":
        sentence}]}."""
        table: dict[str, Any] = {}
        for pair, correct in zip(self.pairs, self.scores.correct, strict=True):
            rows = table.setdefault(pair.uid, {"predictions": []})["predictions"]
            rows.append({"id": f"{pair.uid}_{len(rows)}", "pred": pair.good if correct else pair.bad})
        return table

    def notes(self) -> list[str]:
        """What a reader of the numbers must know."""
        notes = list(self.remarks)
        if self.pair_set.missing:
            shown = ", ".join(self.pair_set.missing[:5]) + (" ..." if len(self.pair_set.missing) > 5 else "")
            missing, whole = len(self.pair_set.missing), len(self.pair_set.missing) + len(self.paradigms)
            whose = "BLiMP" if self.name.startswith(BLIMP_NAME) else self.name
            notes.append(
                f"{missing} of {whose}'s {whole} paradigms are missing ({shown}): the average is over {self.of}"
            )
        if self.nan:
            notes.append(
                f"{self.nan} pairs have a score that is not a number: the model's weights or its number "
                "format are broken"
            )
        long = self.scoring.get("sentences_longer_than_context", 0)
        if long:
            notes.append(f"{long} sentences are longer than the model's context and were read in overlapping windows")
        if "rescored_share" in self.scoring:
            share = self.scoring["rescored_share"]
            margin = self.scoring["rescore_margin"]
            notes.append(
                f"scored in bf16; {share:.1%} of the pairs, those within an estimated {margin:.3g} of a tie, again in fp32"
            )
        return notes

    # --------------------------------------------------------------------------------------------------------

    def _rows(self, key: Callable[[MinimalPair], str]) -> dict[str, np.ndarray]:
        groups: dict[str, list[int]] = {}
        for index, pair in enumerate(self.pairs):
            groups.setdefault(key(pair), []).append(index)
        return {name: np.asarray(rows) for name, rows in groups.items()}

    def _group(self, key: Callable[[MinimalPair], str]) -> dict[str, dict[str, Any]]:
        return {name: self._numbers(rows) for name, rows in self._rows(key).items()}

    def _numbers(self, rows: np.ndarray) -> dict[str, Any]:
        correct = int(self.scores.correct[rows].sum()) if len(rows) else 0
        low, high = wilson(correct, len(rows))
        return {
            "accuracy": correct / len(rows) if len(rows) else math.nan,
            "n": len(rows),
            "ties": int(self.scores.ties[rows].sum()) if len(rows) else 0,
            "nan": int(self.scores.nan[rows].sum()) if len(rows) else 0,
            "low": low,
            "high": high,
        }


def _number(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def pair_set_title(numbers: dict[str, Any]) -> str:
    """What the pairs of a result are called in public: BLiMP only when they are all of it."""
    title = "BLiMP" if numbers["set"] == "blimp" else str(numbers["set"])
    if not numbers.get("subset", title == "BLiMP"):
        return title
    pairs = sum(row["n"] for row in numbers["paradigms"].values())
    return (
        f"{title}, {pairs:,} of {numbers['set_size']:,} pairs" if "set_size" in numbers else f"{title}, {pairs:,} pairs"
    )


def holds_whole_set(file: Path) -> bool:
    """Is the result kept in `file` one on all pairs of its set?"""
    try:
        kept = load_result(file)
    except DamagedFileError:
        return False
    return kept is not None and kept.numbers.get("subset") is False
