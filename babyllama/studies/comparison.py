"""Points of a study on the same minimal pairs, pooled over their seeds: is a difference more than seeds and items?

Two models of one recipe differ by chance of the seed, and two recipes may differ on these items by chance of the items. A
permutation test asks each question apart, and a difference is called supported when neither chance explains it (an
intersection-union test, Berger 1982: its p is the larger one).

over seeds   the labels of all runs of both points are shuffled; exact over all C(2s, s) divisions where they are few. Two
             seeds a point cannot give less than p = 1/3, three not less than 1/10, four not less than 1/35: said in the table.
over items   the difference of each item, averaged over the seeds, changes its sign at random, within its paradigm.

The interval is the percentile bootstrap over seeds and items at once (the pigeonhole bootstrap, Owen 2007).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from babyllama.errors import EvaluationError
from babyllama.evaluation.results import fullest, result_of
from babyllama.evaluation.statistics import holm
from babyllama.evaluation.tasks.minimal_pairs import MinimalPairsResult
from babyllama.studies.results import PointResult, RunResult

DRAWS = 4000
"""Permutations, and bootstrap samples."""
SEED = 20260101


@dataclass(frozen=True)
class Decided:
    """What the runs of a point decided: `correct` has a row for each seed, a column for each item."""

    pairs: list[tuple[str, str, str, str]]
    correct: np.ndarray
    """S x I, booleans."""

    @property
    def uids(self) -> np.ndarray:
        """The paradigm of each item."""
        return np.array([pair[0] for pair in self.pairs])


def decided(point: PointResult) -> dict[str, Decided]:
    """The decisions of a point's runs by set of minimal pairs and protocol; sets that some run lacks are left out."""
    found: dict[str, list[Any]] = {}
    for one in point.runs:
        for key, result in _pair_results(one).items():
            found.setdefault(key, []).append(result.decisions)
    whole = {key: made for key, made in found.items() if len(made) == len(point.runs)}
    for key, made in whole.items():
        if any(one.pairs != made[0].pairs for one in made):
            raise EvaluationError(
                f"the runs of {point.point.label} were scored on different pairs of {key}; score them again."
            )
    return {key: Decided(made[0].pairs, np.array([one.correct for one in made])) for key, made in whole.items()}


def _pair_results(one: RunResult) -> dict[str, MinimalPairsResult]:
    """Of parts of one set, scored in one way, the fullest: a user may have looked at a few pairs of one run since."""
    results = [result_of(kept, one.facts.paths.evaluation) for kept in one.facts.results]
    found = fullest(result for result in results if result is not None)
    return {result.title: result for result in found if isinstance(result, MinimalPairsResult)}


@dataclass(frozen=True)
class Difference:
    """How a point differs from the reference on a set of pairs, or on one paradigm of it; accuracies are fractions."""

    pairs: str
    paradigm: str | None
    """None: the plain mean over all paradigms."""
    reference: str
    point: str
    accuracy: tuple[float, float]
    """Of the reference and of the point."""
    low: float
    high: float
    """95 % interval of the difference."""
    p_seeds: float
    p_items: float
    seeds: tuple[int, int]
    items: int
    p_corrected: float = math.nan
    """The larger p, corrected for all comparisons of this kind in the study (Holm)."""

    @property
    def difference(self) -> float:
        """Accuracy of the point less that of the reference."""
        return self.accuracy[1] - self.accuracy[0]

    @property
    def p(self) -> float:
        """Of the two questions the larger."""
        return max(self.p_seeds, self.p_items)


def compare_points(points: Sequence[PointResult], reference: str, paradigms: Sequence[str] = ()) -> list[Difference]:
    """Every point against `reference` on each set of minimal pairs that both have, over all and for each of `paradigms`."""
    by_label = {one.point.label: one for one in points}
    if reference not in by_label or len(points) < 2:
        return []
    first = decided(by_label[reference])
    found: list[Difference] = []
    for point in points:
        if point.point.label == reference:
            continue
        for key, made in decided(point).items():
            if key in first:
                if first[key].pairs != made.pairs:
                    raise EvaluationError(
                        f"{reference} and {point.point.label} were scored on different pairs of {key}; score them again."
                    )
                known = [uid for uid in paradigms if uid in set(made.uids)]
                found += [
                    difference(first[key], made, key, (reference, point.point.label), paradigm)
                    for paradigm in (None, *known)
                ]
    return _corrected(found)


def difference(
    first: Decided, second: Decided, pairs: str, names: tuple[str, str], paradigm: str | None = None, draws: int = DRAWS
) -> Difference:
    """The difference of two points that decided on the same items, with its interval and both tests."""
    uids = first.uids
    columns = np.flatnonzero(uids == paradigm) if paradigm else np.arange(len(uids))
    weights = item_weights(uids[columns])
    a, b = first.correct[:, columns], second.correct[:, columns]
    rng = np.random.default_rng(SEED)
    low, high = bootstrap_interval(a, b, uids[columns], rng, draws)
    of_runs = (a @ weights, b @ weights)
    return Difference(
        pairs,
        paradigm,
        *names,
        accuracy=(float(of_runs[0].mean()), float(of_runs[1].mean())),
        low=low,
        high=high,
        p_seeds=permute_seeds(*of_runs, rng, draws),
        p_items=permute_items(b.mean(axis=0) - a.mean(axis=0), weights, rng, draws),
        seeds=(len(a), len(b)),
        items=len(columns),
    )


def item_weights(uids: np.ndarray) -> np.ndarray:
    """Weight of each item in the plain mean over paradigms; they sum to 1."""
    names, group, counts = np.unique(uids, return_inverse=True, return_counts=True)
    return 1 / (len(names) * counts[group])


def permute_seeds(first: np.ndarray, second: np.ndarray, rng: np.random.Generator, draws: int = DRAWS) -> float:
    """Two-sided p that the two groups of scores (one a run) are one: shuffled over all runs, exact where that is feasible."""
    scores = np.concatenate([first, second])
    observed = abs(second.mean() - first.mean())
    divisions = math.comb(len(scores), len(first))
    if divisions <= 20_000:
        chosen = np.array(list(itertools.combinations(range(len(scores)), len(first))))
        exact = True
    else:
        chosen = np.argsort(rng.random((draws, len(scores))), axis=1)[:, : len(first)]
        exact = False
    ours = scores[chosen].sum(axis=1)
    differences = (scores.sum() - ours) / len(second) - ours / len(first)
    as_large = int((np.abs(differences) >= observed - 1e-12).sum())
    return as_large / len(chosen) if exact else (as_large + 1) / (draws + 1)


def least_p(first: int, second: int) -> float:
    """The smallest p that `permute_seeds` can give for so many seeds: two divisions differ most where both are alike in size."""
    return (2 if first == second else 1) / math.comb(first + second, first)


def permute_items(differences: np.ndarray, weights: np.ndarray, rng: np.random.Generator, draws: int = DRAWS) -> float:
    """Two-sided p that the weighted mean of `differences`, one an item, is zero: their signs are shuffled."""
    weighted = differences * weights
    moving = weighted[weighted != 0]
    if not len(moving):
        return 1.0
    observed = abs(moving.sum())
    as_large, left = 0, draws
    while left:
        block = min(left, max(1, 4_000_000 // len(moving)))
        signs = rng.integers(0, 2, (block, len(moving)), dtype=np.int8) * 2 - 1
        as_large += int((np.abs(signs @ moving) >= observed - 1e-12).sum())
        left -= block
    return (as_large + 1) / (draws + 1)


def bootstrap_interval(
    first: np.ndarray, second: np.ndarray, uids: np.ndarray, rng: np.random.Generator, draws: int = DRAWS
) -> tuple[float, float]:
    """95 % interval of the difference, seeds of each point and items of each paradigm drawn anew together."""
    names, group = np.unique(uids, return_inverse=True)
    # Accuracy of a resample = mean over paradigms of counts-weighted means; multinomial counts stand for drawn items.
    found = np.zeros(draws)
    seeds_a = rng.multinomial(len(first), np.full(len(first), 1 / len(first)), draws) / len(first)
    seeds_b = rng.multinomial(len(second), np.full(len(second), 1 / len(second)), draws) / len(second)
    for number in range(len(names)):
        columns = np.flatnonzero(group == number)
        counts = rng.multinomial(len(columns), np.full(len(columns), 1 / len(columns)), draws) / len(columns)
        ours, theirs = counts @ first[:, columns].T, counts @ second[:, columns].T
        found += ((theirs * seeds_b).sum(axis=1) - (ours * seeds_a).sum(axis=1)) / len(names)
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def _corrected(found: list[Difference]) -> list[Difference]:
    """Over all pairs and for single paradigms apart: the first are the study's question, the others its details."""
    result: dict[str, float] = {}
    for of_all in (True, False):
        group = {str(i): one.p for i, one in enumerate(found) if (one.paradigm is None) == of_all}
        result |= holm(group)
    return [replace(one, p_corrected=result[str(i)]) for i, one in enumerate(found)]
