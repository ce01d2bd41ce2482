"""Several models on the same minimal pairs: which differences a paired test supports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from babyllama.errors import EvaluationError
from babyllama.evaluation.statistics import holm, mcnemar, mean_paired_difference, paired_difference

LEVEL = 0.05
"""Differences with a corrected p below this are called supported."""


@dataclass(frozen=True)
class Decisions:
    """Which pairs were compared, and in which the good sentence won."""

    pairs: list[tuple[str, str, str, str]]
    """UID, pair id, good and bad sentence."""
    correct: np.ndarray

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Self:
        """From the rows of a predictions file."""
        kept = list(rows)
        pairs = [(row["uid"], row["pair_id"], row["sentence_good"], row["sentence_bad"]) for row in kept]
        return cls(pairs, np.array([row["correct"] for row in kept], dtype=bool))


def compare_minimal_pairs(
    models: Sequence[str], numbers: Sequence[Mapping[str, Any]], decisions: Sequence[Decisions]
) -> dict[str, Any]:
    """Accuracy of each model by term, and every later model against the first one, pair by pair.

    Each paradigm is tested with McNemar's exact test; the p-values of all paradigms are corrected together (Holm), so
    that of 67 comparisons without any difference one in twenty tables shows even a single mark. `overall` tests all
    pairs at once; `mean` is the difference of the means over paradigms. Intervals are of 95 %. EvaluationError when the models were not scored on the same pairs under one protocol.
    """
    for name, protocol, made in zip(models, (one["protocol"] for one in numbers), decisions, strict=True):
        if made.pairs != decisions[0].pairs:
            raise EvaluationError(f"{models[0]} and {name} were scored on different pairs; score both again.")
        if protocol != numbers[0]["protocol"]:
            raise EvaluationError(
                f"{models[0]} was scored under {numbers[0]['protocol']} and {name} under {protocol}: not comparable."
            )
    uids = np.array([uid for uid, _, _, _ in decisions[0].pairs])
    return {
        "protocol": numbers[0]["protocol"],
        "n": len(uids),
        "models": [
            {
                "model": name,
                "accuracy": found["accuracy"],
                "interval": [found["accuracy_low"], found["accuracy_high"]],
                "ties": found["ties"],
                "terms": {term: row["accuracy"] for term, row in found["terms"].items()},
                "fields": {field: row["accuracy"] for field, row in found["fields"].items()},
                "paradigms": {uid: row["accuracy"] for uid, row in found["paradigms"].items()},
            }
            for name, found in zip(models, numbers, strict=True)
        ],
        "tests": [
            _test(uids, models[0], models[index], numbers[0], numbers[index], decisions[0], decisions[index])
            for index in range(1, len(models))
        ],
    }


def _test(
    uids: np.ndarray,
    first: str,
    second: str,
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    our: Decisions,
    their: Decisions,
) -> dict[str, Any]:
    raw = {uid: mcnemar(our.correct[uids == uid], their.correct[uids == uid]) for uid in ours["paradigms"]}
    corrected = holm({uid: p for uid, (_, _, p) in raw.items()})
    only_first, only_second, p = mcnemar(our.correct, their.correct)
    counts = {uid: (*raw[uid][:2], int((uids == uid).sum())) for uid in raw}
    mean, mean_low, mean_high = mean_paired_difference(list(counts.values()))
    return {
        "first": first,
        "second": second,
        "overall": {"only_first": only_first, "only_second": only_second, "p": p},
        "mean": {"difference": mean, "low": mean_low, "high": mean_high},
        "paradigms": {
            uid: {
                "difference": theirs["paradigms"][uid]["accuracy"] - ours["paradigms"][uid]["accuracy"],
                "low": paired_difference(*counts[uid])[1],
                "high": paired_difference(*counts[uid])[2],
                "only_first": raw[uid][0],
                "only_second": raw[uid][1],
                "p": raw[uid][2],
                "p_corrected": corrected[uid],
                "supported": corrected[uid] < LEVEL,
            }
            for uid in raw
        },
    }
