"""Age of acquisition against an independent recomputation from equal surprisals."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import least_squares, leastsq

from babyllama.evaluation.acquisition import child_age, correlate, model_age_2025, model_age_2026

pytestmark = pytest.mark.unit

STEPS = np.array([*range(1, 10), *range(10, 101, 10)]) * 1e6
AGES = np.arange(16, 31)


def curve(parameters: np.ndarray, x: np.ndarray) -> np.ndarray:
    a, b, c, d = parameters
    return d + a / (1 + np.exp(b * (c - x)))


def crossing(parameters: np.ndarray, height: float) -> float | None:
    """By bisection on a curve that rises."""
    low, high = -1e6, 1e6
    if not float(parameters[3]) < height < float(parameters[3] + parameters[0]):
        return None
    for _ in range(200):
        middle = (low + high) / 2
        with np.errstate(over="ignore"):
            low, high = (middle, high) if curve(parameters, np.array(middle)) < height else (low, middle)
    return low


def expected_2026(surprisals: np.ndarray, ceiling: float) -> float | None:
    """A bounded least-squares fit of -surprisal over log10(words + 1), asked for the half-way height."""
    x, y = np.log10(STEPS + 1), -surprisals
    span = y.max() - y.min()
    low = [0, 0, x[0] - 1, y.min() - 2 * span - 1]
    high = [10 * span + 1, 100, x[-1] + 1, y.max() + 1]
    fitted = least_squares(lambda p: curve(p, x) - y, [span, 1, x.mean(), y.min()], bounds=(low, high), max_nfev=20000)
    found = crossing(fitted.x, -(ceiling + surprisals.min()) / 2)
    return found if found is not None and STEPS[0] <= 10**found - 1 <= STEPS[-1] else None


def learning_curve(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    fall = rng.uniform(4, 9) / (1 + np.exp(-rng.uniform(2, 8) * (np.log10(STEPS) - rng.uniform(6.2, 7.6))))
    return rng.uniform(9, 12) - fall + rng.normal(0, 0.2, len(STEPS))


@pytest.mark.parametrize("seed", range(8))
def test_a_models_age_of_2026_is_half_way_on_a_bounded_fit(seed: int) -> None:
    surprisals = learning_curve(seed)
    ceiling = (1 + seed % 2) * math.log(4096)
    found, expected = model_age_2026(STEPS, surprisals, ceiling), expected_2026(surprisals, ceiling)
    assert (found is None) == (expected is None)
    assert found is None or found == pytest.approx(expected, abs=1e-6)


def test_some_models_ages_of_2026_exist_and_some_do_not() -> None:
    ages = [model_age_2026(STEPS, learning_curve(seed), math.log(4096)) for seed in range(8)]
    assert sum(age is not None for age in ages) >= 3
    assert model_age_2026(STEPS, learning_curve(0)[::-1], math.log(4096)) is None  # forgetting


@pytest.mark.parametrize("seed", range(4))
def test_a_models_age_of_2025_is_an_unbounded_fit_to_every_context(seed: int) -> None:
    """By Levenberg-Marquardt on the cloud of contexts, a guess in bits beside surprisals in nats."""
    contexts = np.stack([learning_curve(seed) + offset for offset in (-1.0, 0.0, 0.7)], axis=1)  # [steps, contexts]
    words, surprisals = np.repeat(STEPS, 3), contexts.ravel()
    x, y = np.log10(words + 1), -surprisals
    start = [y.max() - y.min(), 1.0, x.mean(), y.min()]
    fitted = leastsq(lambda p: curve(p, x) - y, start, maxfev=1000)[0]
    expected = crossing(fitted, -(math.log2(300000) + surprisals.min()) / 2)
    found = model_age_2025(words, surprisals)
    assert (found is None) == (expected is None)
    assert found is None or found == pytest.approx(expected, abs=1e-6)


def test_children_say_a_word_where_the_fitted_share_is_one_half() -> None:
    shares = np.round(0.05 + 0.9 / (1 + np.exp(-0.4 * (AGES - 22.0))), 2)
    low, high = [0, 0, 16, -0.5], [2.0, 1.0, 30, 0.5]
    fitted = least_squares(lambda p: curve(p, AGES) - shares, [1.0, 0.1, 23.0, 0.0], bounds=(low, high), max_nfev=1000)
    found = child_age(AGES, shares)
    assert found == pytest.approx(crossing(fitted.x, 0.5), abs=1e-6)
    assert found == pytest.approx(22.0, abs=0.2)
    assert child_age(AGES, shares * 0.3) is None  # never one half
    gap = shares.copy()
    gap[3] = np.nan
    assert child_age(AGES, gap) == pytest.approx(22.0, abs=0.3)
    assert child_age(AGES, np.where(AGES < 18, shares, np.nan)) is None  # two points


def test_r_is_pearsons_and_2026_counts_a_weak_one_as_0() -> None:
    rng = np.random.default_rng(1)
    child = {f"w{i}": float(age) for i, age in enumerate(rng.normal(22, 3, 40))}
    strong: dict[str, float | None] = {word: age / 10 + float(rng.normal(0, 0.2)) for word, age in child.items()}
    strong["w0"], strong["unknown"] = None, 3.0
    kept = [word for word in child if word != "w0"]
    expected = np.corrcoef([strong[word] or 0.0 for word in kept], [child[word] for word in kept])[0, 1]
    for year in (2025, 2026):
        found = correlate(strong, child, year)
        assert found.r == pytest.approx(expected, abs=1e-9)
        assert len(found.words) == 39
    weak: dict[str, float | None] = {
        word: float(value) for word, value in zip(child, rng.normal(0, 1, 40), strict=True)
    }
    found = correlate(weak, child, 2026)
    assert found.p is not None and found.p > 0.1  # noqa: PT018
    assert (found.r, found.raw) == (0.0, correlate(weak, child, 2025).r)
    assert correlate({"w1": 1.0, "w2": 2.0}, child, 2025).r == 0.0


def test_surprisals_that_are_no_numbers_are_left_out() -> None:
    surprisals = learning_curve(2)
    holed = surprisals.copy()
    holed[[3, 11]] = np.nan
    keep = ~np.isnan(holed)
    whole = model_age_2026(STEPS[keep], surprisals[keep], math.log(4096))
    assert model_age_2026(STEPS, holed, math.log(4096)) == whole
    assert model_age_2026(STEPS, np.full(len(STEPS), np.nan), 8.0) is None


def test_the_childrens_ages_of_the_published_data(shared_data: Path) -> None:
    """Most of its words have one, inside the months that were asked."""
    from babyllama.evaluation.acquisition_data import read_children

    children = read_children(shared_data / "suite_2025" / "aoa" / "cdi_human.csv")
    ages = [age for shares in children.values() if (age := child_age(AGES, shares)) is not None]
    assert len(children) > 500
    assert len(ages) > 0.7 * len(children)
    assert all(16 <= age <= 30 for age in ages)
