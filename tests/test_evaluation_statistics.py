"""Intervals and tests against published or exactly computed values."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from babyllama.evaluation.statistics import bootstrap_mean_of_groups, holm, mcnemar, sign_test, wilson

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


def test_bootstrap_interval_has_the_width_theory_gives() -> None:
    draw = np.random.default_rng(0)
    groups = [(draw.random(400) < share).astype(float) for share in (0.5, 0.7, 0.9)]
    low, high = bootstrap_mean_of_groups(groups, samples=4000)
    error = math.sqrt(sum(g.mean() * (1 - g.mean()) / len(g) for g in groups)) / len(groups)
    middle = float(np.mean([g.mean() for g in groups]))
    assert (low, high) == pytest.approx((middle - 1.96 * error, middle + 1.96 * error), abs=0.003)
    assert bootstrap_mean_of_groups(groups) == bootstrap_mean_of_groups(groups), "seeded"
    graded = bootstrap_mean_of_groups([np.linspace(0, 1, 50)])
    assert graded[0] < 0.5 < graded[1]
    assert all(math.isnan(value) for value in bootstrap_mean_of_groups([]))
