"""The tests of a study against what is known: exact permutation counts, level under no difference, coverage of the interval."""

from __future__ import annotations

import math

import numpy as np
import pytest

from babyllama.studies import comparison
from babyllama.studies.comparison import Decided, difference, item_weights, least_p, permute_items, permute_seeds
from babyllama.studies.power_law import fit_power_law, quantile
from babyllama.studies.templates import compare_architectures, plot_scaling_laws

pytestmark = pytest.mark.unit


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_seeds_are_permuted_exactly():
    """Of the 20 divisions of six runs into threes two are as far apart as complete separation."""
    assert permute_seeds(np.array([1.0, 2, 3]), np.array([4.0, 5, 6]), rng()) == pytest.approx(2 / 20)
    assert permute_seeds(np.array([1.0, 2]), np.array([3.0, 4]), rng()) == pytest.approx(1 / 3)
    assert permute_seeds(np.array([1.0]), np.array([2.0]), rng()) == 1.0
    assert permute_seeds(np.array([1.0, 2, 3]), np.array([1.0, 2, 3]), rng()) == 1.0
    for sizes in ((2, 2), (3, 3), (4, 4), (3, 5)):
        apart = permute_seeds(np.arange(sizes[0]), 100.0 + np.arange(sizes[1]), rng())
        assert least_p(*sizes) == pytest.approx(apart)


def test_items_are_permuted_like_a_sign_test():
    """With equal weights and differences of one size the test is McNemar's exact one."""
    from babyllama.evaluation.statistics import sign_test

    differences = np.array([1.0] * 15 + [-1.0] * 5 + [0.0] * 80)
    p = permute_items(differences, np.full(100, 0.01), rng(), draws=40_000)
    assert p == pytest.approx(sign_test(15, 5), abs=0.005)
    assert permute_items(np.zeros(9), np.full(9, 1 / 9), rng()) == 1.0


def test_the_accuracy_is_the_plain_mean_over_paradigms():
    uids = np.array(["a"] * 2 + ["b"] * 8)
    correct = np.array([1, 1, 0, 0, 0, 0, 1, 1, 1, 1], dtype=float)
    assert correct @ item_weights(uids) == pytest.approx((1.0 + 0.5) / 2)


def simulated(
    seed: int, effect: float, *, runs: int = 4, items: int = 120, between_seeds: float = 0.06
) -> tuple[Decided, Decided]:
    """Two recipes whose runs differ by chance of the seed, on items of their own difficulty."""
    random = rng(seed)
    pairs = [(f"p{i % 3}", str(i), "g", "b") for i in range(items)]
    difficulty = random.normal(0.65, 0.15, items)
    made = []
    for shift in (0.0, effect):
        level = difficulty + shift + random.normal(0, between_seeds, (runs, 1))
        made.append(Decided(pairs, random.random((runs, items)) < level))
    return made[0], made[1]


def test_seeds_alone_are_no_difference():
    """Runs of one recipe that differ by their seeds: pooling all decisions as if independent would call that significant."""
    found = [difference(*simulated(seed, 0.0), "x", ("a", "b"), draws=300) for seed in range(60)]
    assert sum(one.p < 0.05 for one in found) <= 6
    assert sum(one.p_items < 0.05 for one in found) >= 8  # what a test over items alone would claim


def test_a_real_difference_is_found_and_its_interval_holds_it():
    found = [difference(*simulated(seed, 0.2), "x", ("a", "b"), draws=300) for seed in range(60)]
    assert sum(one.p < 0.05 for one in found) >= 38
    # 0.65 +- 0.15 and 0.06 clipped at 1: the true difference is a little below 0.2.
    assert sum(one.low <= 0.19 <= one.high for one in found) >= 52
    one = found[0]
    assert one.difference == pytest.approx(one.accuracy[1] - one.accuracy[0])
    assert one.low < one.difference < one.high


def test_a_single_paradigm_is_compared_on_its_items():
    first, second = simulated(1, 0.1)
    one = difference(first, second, "x", ("a", "b"), "p1", draws=200)
    columns = first.uids == "p1"
    assert one.items == 40
    assert one.accuracy[0] == pytest.approx(first.correct[:, columns].mean())


def test_many_seeds_are_drawn_instead_of_counted(monkeypatch):
    p = permute_seeds(np.arange(12.0), 6 + np.arange(12.0), rng(), draws=2000)
    stats = pytest.importorskip("scipy.stats")

    exact = stats.permutation_test(
        (np.arange(12.0), 6 + np.arange(12.0)), lambda a, b: np.mean(b) - np.mean(a), n_resamples=20_000, random_state=0
    ).pvalue
    assert p == pytest.approx(exact, abs=0.01)
    assert comparison.DRAWS >= 1000


# ---------------------------------------------------------------------------------------------------------------------
# Power laws


def test_a_power_law_is_found_with_an_interval_that_holds_it():
    sizes = np.geomspace(1e5, 1e7, 4)
    held = 0
    for seed in range(200):
        losses = 30 * sizes**-0.15 * np.exp(rng(seed).normal(0, 0.01, 4))
        law = fit_power_law(sizes, losses)
        held += law.low <= 0.15 <= law.high
    assert 180 <= held <= 199  # 95 % of 200
    exact = fit_power_law(sizes, 30 * sizes**-0.15)
    assert (exact.scale, exact.exponent) == pytest.approx((30, 0.15))
    assert exact(2e6) == pytest.approx(30 * 2e6**-0.15)
    assert exact.warnings() == []


def test_the_interval_of_the_slope_is_that_of_ordinary_least_squares():
    stats = pytest.importorskip("scipy.stats")

    sizes, losses = np.array([1e5, 3e5, 1e6, 2e6]), np.array([5.0, 4.4, 4.1, 3.7])
    ols = stats.linregress(np.log(sizes), np.log(losses))
    law = fit_power_law(sizes, losses)
    half = stats.t.ppf(0.975, 2) * ols.stderr
    assert (law.exponent, law.low, law.high) == pytest.approx(
        (-ols.slope, -ols.slope - half, -ols.slope + half), rel=1e-3
    )
    assert [quantile(n) for n in (1, 5, 30)] == pytest.approx([stats.t.ppf(0.975, n) for n in (1, 5, 30)], abs=0.01)


def test_what_few_or_close_sizes_cannot_tell_is_said():
    close = fit_power_law([1e6, 2e6, 4e6, 8e6], [4.0, 3.8, 3.6, 3.5])
    assert "less than a decade" in close.warnings()[0]
    assert "too few" in fit_power_law([1e5, 2e6], [4.0, 3.0]).warnings()[0]
    assert math.isinf(fit_power_law([1e5, 2e6], [4.0, 3.0]).low)
    assert fit_power_law([1e6, 1e6], [4.0, 3.9]) is None


# ---------------------------------------------------------------------------------------------------------------------
# Templates


def test_architectures_side_by_side(tmp_path, capsys):
    metrics = {
        "Llama": {"parameters": 1000, "perplexity": 20.5, "blimp": 0.61, "training_time": 75.0, "results": {"x": 1}},
        "GPT2": {"parameters": 1010, "perplexity": float("nan"), "blimp": 0.6, "training_time": None, "results": {}},
    }
    rows = compare_architectures(metrics, tmp_path / "sub" / "a.png")
    assert [row["model"] for row in rows] == ["Llama", "GPT2"]
    out = capsys.readouterr().out
    assert "20.5" in out
    assert "1:15" in out
    assert (tmp_path / "sub" / "a.png").stat().st_size > 5000


def test_scaling_laws_are_fitted_and_drawn(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        {"parameters": n, "perplexity": math.exp(20 * n**-0.12), "training_time": n / 1e5} for n in (1e6, 4e6, 2e7, 1e8)
    ]
    laws = plot_scaling_laws(rows)
    assert laws["loss"].exponent == pytest.approx(0.12)
    assert laws["training_time"].exponent == pytest.approx(-1)
    assert (tmp_path / "scaling_laws.png").stat().st_size > 5000
    assert "N^-0.12" in capsys.readouterr().out
    close = plot_scaling_laws(rows[:2], tmp_path / "b.png")
    assert "less than a decade" in capsys.readouterr().out
    assert close["loss"].exponent == pytest.approx(0.12)
