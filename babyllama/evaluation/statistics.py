"""Intervals and tests for accuracies: Wilson, bootstrap, McNemar, Holm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

Z_95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


def wilson(correct: float, total: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's (1927) score interval for a proportion; (0, 1) when nothing was counted."""
    if total <= 0:
        return 0.0, 1.0
    share = correct / total
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    middle = share + z * z / (2 * total)
    scale = 1 + z * z / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def bootstrap_mean_of_groups(
    groups: Sequence[np.ndarray], *, samples: int = 2000, seed: int = 42, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval for the plain mean of group means, resampling the items inside each group.

    The groups (paradigms) are fixed, as they are in BLiMP; only their items are a sample. For items that are
    0 or 1 the resampled mean of a group is a binomial draw, which is exact and fast.
    """
    groups = [np.asarray(group, dtype=float) for group in groups if len(group)]
    if not groups:
        return math.nan, math.nan
    generator = np.random.default_rng(seed)
    total = np.zeros(samples)
    for group in groups:
        if np.isin(group, (0.0, 1.0)).all():
            total += generator.binomial(len(group), group.mean(), size=samples) / len(group)
        else:
            total += group[generator.integers(len(group), size=(samples, len(group)))].mean(axis=1)
    low, high = np.quantile(total / len(groups), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def mcnemar(first: Sequence[bool] | np.ndarray, second: Sequence[bool] | np.ndarray) -> tuple[int, int, float]:
    """(only the first is right, only the second is right, two-sided exact p) for paired decisions (McNemar
    1947).

    Exact: under the hypothesis of no difference the discordant pairs are fair coin flips.
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.shape != b.shape:
        raise ValueError(f"paired decisions differ in number: {len(a)} and {len(b)}")
    only_first, only_second = int((a & ~b).sum()), int((b & ~a).sum())
    return only_first, only_second, sign_test(only_first, only_second)


def sign_test(wins: int, losses: int) -> float:
    """Two-sided exact binomial p-value of `wins` against `losses` fair coin flips; 1 when there are none."""
    flips = wins + losses
    if flips == 0:
        return 1.0
    fewer = min(wins, losses)
    logs = [
        math.lgamma(flips + 1) - math.lgamma(k + 1) - math.lgamma(flips - k + 1) - flips * math.log(2)
        for k in range(fewer + 1)
    ]
    top = max(logs)
    tail = math.exp(top) * math.fsum(math.exp(value - top) for value in logs)
    return min(1.0, 2 * tail)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values for several tests at once (Holm 1979): compare each with the level wanted."""
    ordered = sorted(p_values, key=lambda name: p_values[name])
    adjusted: dict[str, float] = {}
    highest = 0.0
    for rank, name in enumerate(ordered):
        highest = max(highest, min(1.0, (len(ordered) - rank) * p_values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}
