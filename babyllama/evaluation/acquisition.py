"""Age of acquisition: do words come to a model in the order in which they come to children?

Chang and Bergen 2022, doi:10.1162/tacl_a_00444, as the BabyLM suites compute it. A child's age is where the share of children
who say the word passes one half, a model's where the word's surprisal falls half way from that of a guess to its lowest; both
on a sigmoid that is fitted to the curve. The score is Pearson's r of the two ages over words.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from babyllama.errors import EvaluationError

LEAST = 3
"""Words that a correlation, and points that a curve takes at least."""
GUESS_2025 = math.log2(300_000)
"""What the pipeline of 2025 takes for the surprisal of a guess, in bits, beside surprisals in nats."""
SIGNIFICANT = 0.1
"""A correlation whose p is above counts 0 in 2026."""


@dataclass(frozen=True)
class Correlation:
    """Two ages of the same words."""

    r: float
    """Pearson's r as the pipeline reports it: 0 for fewer than three words, and in 2026 where p is above 0.1."""
    p: float | None
    raw: float | None
    """r before that; None for fewer than three words."""
    words: dict[str, tuple[float, float]]
    """word -> (log10 of the words seen when the model has it, months of age when children have it)"""


def require_scipy() -> None:
    """EvaluationError, with the command that mends it, where scipy is not installed."""
    if importlib.util.find_spec("scipy") is None:
        raise EvaluationError(
            "age of acquisition fits curves with scipy, which is not installed: pip install 'babyllama[aoa]'."
        )


def sigmoid(x: np.ndarray, a: float, b: float, c: float, d: float) -> np.ndarray:
    """d + a / (1 + exp(-b (x - c)))"""
    return a / (1 + np.exp(-b * (x - c))) + d


def child_age(ages: np.ndarray, shares: np.ndarray) -> float | None:
    """Months at which half of the children say a word; None where the data do not tell.

    `shares` of the children at `ages` months say it; NaN is not known.
    """
    known = ~np.isnan(shares)
    ages, shares = ages[known].astype(float), shares[known]
    if len(shares) < LEAST:
        return None
    bounds = ([0, 0, ages[0], -0.5], [2.0, 1.0, ages[-1], 0.5])
    fitted = _fit(ages, shares, [1.0, 0.1, ages.mean(), 0.0], bounds=bounds, maxfev=1000)
    age = None if fitted is None else _crossing(fitted, 0.5, least=0.0)
    return age if age is not None and ages[0] <= age <= ages[-1] else None


def model_age_2025(words_seen: np.ndarray, surprisals: np.ndarray) -> float | None:
    """log10 of the words seen when the model has a word, by the rules of 2025: an unbounded fit to every context's surprisal.

    `surprisals` [N], nats, of every context at every checkpoint, and the `words_seen` [N] there, from the first checkpoint on.
    """
    known = _known(words_seen, surprisals)
    if known is None:
        return None
    x, y = known
    guess = [np.ptp(y), 1.0, x.mean(), y.min()]
    return _half_way(x, y, GUESS_2025, _fit(x, y, guess, maxfev=1000), least=0.0)


def model_age_2026(words_seen: np.ndarray, means: np.ndarray, ceiling: float) -> float | None:
    """The same by the rules of 2026: a bounded fit to the mean surprisal at each checkpoint.

    `means` [N], nats, at each of `words_seen` [N]; `ceiling` is what a guess costs, the word's tokens times ln(vocabulary).
    """
    known = _known(words_seen, means)
    if known is None:
        return None
    x, y = known
    span = np.ptp(y)
    lower = [0.0, 0.0, x.min() - 1, y.min() - 2 * span - 1]
    upper = [10 * span + 1, 100.0, x.max() + 1, y.max() + 1]
    guess = [span, 1.0, x.mean(), y.min()]
    return _half_way(x, y, ceiling, _fit(x, y, guess, bounds=(lower, upper), maxfev=20000), least=1e-6)


def _known(words_seen: np.ndarray, surprisals: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """(log10 of words seen, surprisal with its sign changed) where there are surprisals; None where there are too few."""
    known = ~np.isnan(surprisals)
    if len(surprisals) < LEAST or not known.any():
        return None
    return np.log10(words_seen[known] + 1.0), -surprisals[known]


def _half_way(x: np.ndarray, y: np.ndarray, ceiling: float, fitted: np.ndarray | None, *, least: float) -> float | None:
    """Where the curve is half way from `ceiling` to the lowest surprisal, if that lies among the checkpoints."""
    height = -(ceiling - 0.5 * (ceiling + y.max()))
    age = None if fitted is None else _crossing(fitted, height, least=least)
    return age if age is not None and x[0] <= age <= x[-1] else None


def _fit(x: np.ndarray, y: np.ndarray, guess: Sequence[float], **options: Any) -> np.ndarray | None:
    """(a, b, c, d) of the sigmoid; None when it does not converge."""
    from scipy.optimize import curve_fit

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # on a covariance that nobody asks for
        try:
            return np.asarray(curve_fit(sigmoid, x, y, p0=guess, **options)[0])
        except (RuntimeError, ValueError, TypeError):
            return None


def _crossing(fitted: np.ndarray, height: float, *, least: float) -> float | None:
    """Where the sigmoid passes `height`; None where it does not, or hardly rises (a or b not above `least`)."""
    a, b, c, d = (float(value) for value in fitted)
    if b <= least or a <= least or height <= d or height >= a + d:
        return None
    return c - math.log(a / (height - d) - 1) / b


def correlate(model: Mapping[str, float | None], child: Mapping[str, float | None], year: int) -> Correlation:
    """Pearson's r of the ages of the words that have both, with what the rules of `year` make of it."""
    from scipy.stats import pearsonr

    both = {
        word: (one, other) for word, one in model.items() if one is not None and (other := child.get(word)) is not None
    }
    if len(both) < LEAST:
        return Correlation(0.0, None, None, both)
    r, p = (float(value) for value in pearsonr(*zip(*both.values(), strict=True)))
    return Correlation(0.0 if year == 2026 and p > SIGNIFICANT else r, p, r, both)


def tokens_of(tokenizer: Any, word: str) -> int:
    """Tokens of a word after another one."""
    before = tokenizer("The", add_special_tokens=False)["input_ids"]
    return max(1, len(tokenizer(f"The {word}", add_special_tokens=False)["input_ids"]) - len(before))
