"""Scores of options, and which of them a model chooses."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from babyllama.errors import EvaluationError
from babyllama.evaluation.choices.encoding import encode_options
from babyllama.evaluation.choices.items import Choice
from babyllama.evaluation.scoring.backends import BackendChoice, backend_of, scorer_for
from babyllama.evaluation.scoring.sequences import Progress

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel

Reduction = Literal["sum", "mean"]


@dataclass(frozen=True)
class ChoiceScores:
    """What a model says to N items with a number of options each."""

    values: list[np.ndarray]
    """Natural log-probability of each option (float64 [options]), summed or averaged over its scored tokens."""
    chosen: np.ndarray
    """Number of the chosen option (int [N])."""
    correct: np.ndarray
    """bool [N]"""
    ties: np.ndarray
    """Items whose highest score several options have (bool [N])."""
    credit: np.ndarray
    """What each item is worth on average when ties are drawn (float [N])."""
    nan: np.ndarray
    """Items with a score that is no number (bool [N])."""
    longer: np.ndarray
    """Items with an option longer than the model's context (bool [N])."""
    backend: str


def score_choices(
    loaded: LoadedModel,
    items: Sequence[Choice],
    *,
    backend: BackendChoice = "auto",
    reduction: Reduction = "sum",
    ties: Literal["first", "random"] = "first",
    seed: int = 42,
    progress: Progress | None = None,
) -> ChoiceScores:
    """Score every option of every item, each distinct text once and each shared beginning once.

    `ties` first: the first of equal options wins (the BabyLM pipeline of 2025), and an item with a score that is no number is
    wrong; random: drawn with `seed`, and such a score is the lowest (2026).
    """
    if not items:
        raise EvaluationError("there are no items to score.")
    way = backend_of(loaded, backend)
    distinct = {(one.text, one.scored_from): one for item in items for one in item.options}
    place = {key: number for number, key in enumerate(distinct)}
    places = [[place[one.text, one.scored_from] for one in item.options] for item in items]
    encoded, long = encode_options(loaded, list(distinct.values()), way)
    arrays = scorer_for(loaded, way).score(encoded, progress)
    totals = np.array([array.sum(dtype=np.float64) for array in arrays])
    if reduction == "mean":
        totals /= np.array([len(array) or np.nan for array in arrays])
    longer = np.array([any(long[number] for number in numbers) for numbers in places])
    return _decide(items, [totals[numbers] for numbers in places], ties, seed, longer, way)


def _decide(
    items: Sequence[Choice], values: list[np.ndarray], ties: str, seed: int, longer: np.ndarray, backend: str
) -> ChoiceScores:
    count = len(items)
    chosen = np.zeros(count, dtype=np.int64)
    tied, correct, nan = (np.zeros(count, dtype=bool) for _ in range(3))
    credit = np.zeros(count)
    draw = random.Random(seed)
    for number, (item, scores) in enumerate(zip(items, values, strict=True)):
        nan[number] = bool(np.isnan(scores).any())
        if nan[number] and ties == "first":
            chosen[number] = (item.label + 1) % len(scores)  # a broken model is not to be called a perfect one
            continue
        known = np.where(np.isnan(scores), -np.inf, scores)
        best = np.flatnonzero(known == known.max())
        tied[number] = len(best) > 1
        chosen[number] = best[0] if ties == "first" or len(best) == 1 else draw.choice(list(best))
        correct[number] = chosen[number] == item.label
        credit[number] = (item.label in best) / len(best)
    return ChoiceScores(values, chosen, correct, tied, credit, nan, longer, backend)
