"""Intervals and tests against published or exactly computed values."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babyllama.evaluation.statistics import (
    holm,
    mcnemar,
    mean_of_proportions,
    mean_paired_difference,
    paired_difference,
    sign_test,
    wilson,
)

pytestmark = pytest.mark.unit


def test_wilson_against_published_values() -> None:
    """Newcombe 1998 (doi:10.1002/(SICI)1097-0258(19980430)17:8<857), table I, method 3: 81/263 and 15/148 and 0/20."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(0, 60), st.integers(0, 60))
def test_sign_test_is_the_exact_binomial(wins: int, losses: int) -> None:
    flips = wins + losses
    tail = sum(Fraction(math.comb(flips, k), 2**flips) for k in range(min(wins, losses) + 1)) if flips else Fraction(1)
    assert sign_test(wins, losses) == pytest.approx(min(1.0, float(2 * tail)), rel=1e-9)


def test_sign_test_with_many_flips() -> None:
    assert sign_test(17000, 16500) == pytest.approx(math.erfc((500 - 1) / math.sqrt(33500) / math.sqrt(2)), rel=1e-3)


def test_mcnemar_counts_the_discordant_pairs() -> None:
    first = [True, True, True, False, False]
    second = [True, False, False, True, False]
    assert mcnemar(first, second) == (2, 1, 1.0)
    with pytest.raises(ValueError, match="5 and 1"):
        mcnemar(first, [True])


def test_holm_against_r() -> None:
    """R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") gives 0.03 0.06 0.06 0.02."""
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert list(found) == ["a", "b", "c", "d"]
    assert list(found.values()) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_interval_of_a_mean_has_the_width_theory_gives() -> None:
    sizes, right = [400, 400, 400], [200, 280, 360]
    low, high = mean_of_proportions(right, sizes)
    error = math.sqrt(sum(x / n * (1 - x / n) / n for x, n in zip(right, sizes, strict=True))) / 3
    assert (low, high) == pytest.approx((0.7 - 1.96 * error, 0.7 + 1.96 * error), abs=0.002)
    assert mean_of_proportions([27], [30]) == pytest.approx(wilson(27, 30)), "of one group it is Wilson's"
    assert all(math.isnan(value) for value in mean_of_proportions([], []))


def test_interval_of_a_paired_difference() -> None:
    """Approval of a prime minister (Agresti, Categorical Data Analysis): 150 and 86 of 1,600 changed their minds, 0.02 to 0.06."""
    difference, low, high = paired_difference(86, 150, 1600)
    assert difference == 64 / 1600
    assert (low, high) == pytest.approx((0.0213, 0.0587), abs=3e-4)
    assert paired_difference(0, 0, 20)[1:] == pytest.approx((-0.089, 0.089), abs=1e-3), "no change is no certainty"
    mean = mean_paired_difference([(86, 150, 1600)] * 4)
    assert mean[0] == difference
    assert mean[2] - mean[1] == pytest.approx((high - low) / 2, rel=1e-9)


@pytest.mark.parametrize("right", [0, 30])
def test_interval_of_a_mean_holds_at_the_ends(right: int) -> None:
    """All right tells as much about 20 x 30 pairs as about 600 in one paradigm: not that every pair will be."""
    low, high = mean_of_proportions([right] * 20, [30] * 20)
    assert (low, high) == pytest.approx(wilson(right * 20, 600), abs=1e-12)
    assert high - low > 0.006


def test_paradigms_of_one_pair_still_give_an_interval() -> None:
    low, high = mean_of_proportions([1, 0] * 30, [1] * 60)
    assert (low, high) == pytest.approx(wilson(30, 60), abs=1e-12)


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99, 0.999])
def test_coverage_of_the_interval_of_a_mean(share: float) -> None:
    draws = np.random.default_rng(0).binomial(30, share, size=(1000, 20))
    intervals = [mean_of_proportions(list(draw), [30] * 20) for draw in draws]
    assert np.mean([low <= share <= high for low, high in intervals]) > 0.93
