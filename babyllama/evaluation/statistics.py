"""Intervals and tests for accuracies: Wilson, means of proportions, McNemar, Holm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

Z_95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


def wilson(correct: float, total: float, z: float = Z_95) -> tuple[float, float]:
    """Wilson's (1927) score interval for a proportion; (0, 1) when nothing was counted."""
    if total <= 0:
        return 0.0, 1.0
    share = correct / total
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    middle = share + z * z / (2 * total)
    scale = 1 + z * z / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def mean_of_proportions(
    correct: Sequence[int], totals: Sequence[int], z: float = Z_95, weights: Sequence[float] | None = None
) -> tuple[float, float]:
    """95 % interval for the mean of the shares correct / totals of several groups; of one group, Wilson's.

    The mean is the plain one, or one with `weights` that add up to 1.

    The groups (paradigms) are fixed, as they are in BLiMP; only their items are a sample. Wilson's score interval for as
    many items as would give one proportion the variance of this mean (Korn and Graubard 1998 do so for surveys), the
    variance taken with z^2/2 right and wrong answers shared out over the groups (Agresti and Coull 1998), so that it does
    not vanish where everything is right. Groups of a single item say nothing of their variance and get the pooled one.

    Coverage in 3,000 simulated sets: 20 groups of 30 with the same share of right answers 94.6 % (share 0.5), 95.2 % (0.95),
    94.2 % (0.99), 97.5 % (0.999), with shares spread as beta(8, 2) 94.9 %; 67 of 1,000 spread as beta(3, 1) 95.2 %; 67 of
    20 at 0.98 95.0 %; 3 of 10 at 0.9 97.7 %. The percentile bootstrap gave 43 % at 20 x 30 and 0.999. (NaN, NaN) without groups.
    """
    given = [1.0] * len(totals) if weights is None else weights
    counted = [(x, n, w) for x, n, w in zip(correct, totals, given, strict=True) if n]
    if not counted:
        return math.nan, math.nan
    right, sizes, shares = (np.array(column, dtype=float) for column in zip(*counted, strict=True))
    shares /= shares.sum()
    mean = float(np.dot(shares, right / sizes))
    added = z * z / 2 / len(sizes)
    smoothed = (right + added) / (sizes + 2 * added)
    middle = float(np.dot(shares, smoothed))
    spread = np.where(sizes > 1, smoothed * (1 - smoothed), middle * (1 - middle))
    variance = float(np.dot(shares**2, spread / sizes))
    items = middle * (1 - middle) / variance
    return wilson(mean * items, items, z)


def ranks(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def spearman(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> float:
    """Spearman's rank correlation, ties with their mean rank; NaN where one side does not vary or holds no numbers."""
    if np.isnan(np.asarray(first, dtype=float)).any() or np.isnan(np.asarray(second, dtype=float)).any():
        return math.nan
    a, b = (ranks(values) - (len(values) + 1) / 2 for values in (first, second))
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else math.nan


def spearman_interval(rho: float, n: int, z: float = Z_95) -> tuple[float, float]:
    """Interval of a rank correlation by Fisher's transformation with variance 1.06 / (n - 3) (Fieller et al. 1957)."""
    if math.isnan(rho) or n < 4:
        return math.nan, math.nan
    middle = math.atanh(max(-1 + 1e-15, min(1 - 1e-15, rho)))
    spread = z * math.sqrt(1.06 / (n - 3))
    return math.tanh(middle - spread), math.tanh(middle + spread)


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


def paired_difference(only_first: int, only_second: int, total: int) -> tuple[float, float, float]:
    """(second minus first, low, high): the difference of two shares of right answers on the same `total` items.

    95 % interval of Agresti and Min (2005): Wald's, with one half added to each cell of the table of both answers. NaN of no items.
    """
    if total <= 0:
        return math.nan, math.nan, math.nan
    middle, variance = _adjusted_difference(only_first, only_second, total)
    spread = Z_95 * math.sqrt(variance)
    return (only_second - only_first) / total, max(-1.0, middle - spread), min(1.0, middle + spread)


def mean_paired_difference(
    groups: Sequence[tuple[int, int, int]], weights: Sequence[float] | None = None
) -> tuple[float, float, float]:
    """The same for the mean over groups of (only first, only second, total), which are fixed: only their items are a sample.

    The mean is the plain one, or one with `weights` that add up to 1. NaN without groups; groups without items do not count.
    """
    counted = [(group, 1.0 if weights is None else weights[n]) for n, group in enumerate(groups) if group[2] > 0]
    if not counted:
        return math.nan, math.nan, math.nan
    total = math.fsum(weight for _, weight in counted)
    mean = math.fsum(weight * (second - first) / n for (first, second, n), weight in counted) / total
    variance = math.fsum(weight**2 * _adjusted_difference(*group)[1] for group, weight in counted) / total**2
    spread = Z_95 * math.sqrt(variance)
    return mean, max(-1.0, mean - spread), min(1.0, mean + spread)


def _adjusted_difference(only_first: int, only_second: int, total: int) -> tuple[float, float]:
    first, second, items = only_first + 0.5, only_second + 0.5, total + 2
    difference = (second - first) / items
    return difference, ((first + second) / items - difference**2) / items


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
