"""Several models on the same multiple choice: how far each is from the first one, item by item."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from babyllama.artifacts import read_text
from babyllama.errors import DamagedFileError
from babyllama.evaluation.statistics import mean_paired_difference, paired_difference

Decisions = dict[str, np.ndarray]
"""UID -> which of its items were right (bool), in the order of the set."""


def kept_decisions(stored: Path) -> Decisions | None:
    """The decisions beside a kept result; None where that file is not there, `DamagedFileError` when it is no such file."""
    file = stored.with_name(f"{stored.stem}_predictions.jsonl")
    if not file.is_file():
        return None
    found: dict[str, list[bool]] = {}
    try:
        for line in read_text(file).splitlines():
            row = json.loads(line)
            correct = row["correct"] if "correct" in row else row["chosen"] == row["label"]
            found.setdefault(row["uid"], []).append(correct)
    except (ValueError, LookupError, TypeError) as error:
        raise DamagedFileError(f"{file} is damaged: {error}. Remove {stored} and evaluate again.") from error
    return {uid: np.array(rows) for uid, rows in found.items()}


def differences_from_first(
    decisions: Sequence[Decisions | None], weights: Sequence[float]
) -> list[dict[str, Any] | None]:
    """Of each later model the differences by UID and of the mean (UIDs count `weights`), with 95 % intervals.

    None where the decisions of either are not known, or are on other items.
    """
    first = decisions[0]
    found: list[dict[str, Any] | None] = []
    for later in decisions[1:]:
        if (
            first is None
            or later is None
            or {u: len(r) for u, r in first.items()} != {u: len(r) for u, r in later.items()}
        ):
            found.append(None)
            continue
        counts = {
            u: (int((first[u] & ~later[u]).sum()), int((later[u] & ~first[u]).sum()), len(first[u])) for u in first
        }
        mean = mean_paired_difference(list(counts.values()), weights)
        found.append({"groups": {uid: paired_difference(*one) for uid, one in counts.items()}, "mean": mean})
    return found
