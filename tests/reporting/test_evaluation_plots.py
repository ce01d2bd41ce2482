"""Pictures hold the numbers they claim to hold."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from evaluation_world import save_run, write_pairs

from babyllama.evaluation.tasks.minimal_pairs import MinimalPairsResult
from babyllama.reporting.evaluation_plots import (
    draw_heat_maps,
    draw_learning_curves,
    heat_map,
    learning_curve,
    learning_points,
    metrics_sheet,
)
from babyllama.runs import RunPaths, StoredResult, save_result
from babyllama.text import short_count

pytestmark = pytest.mark.unit


def results(accuracy: float, protocol: str = "lm-eval") -> dict[str, Any]:
    row = {"accuracy": accuracy, "n": 10, "ties": 0}
    value: dict[str, Any] = {"protocol": protocol, "accuracy": accuracy, "n": 20, "paradigms": {"a": row, "b": row}}
    return value | {"terms": {"t1": row, "t2": row}, "set": "blimp", "subset": False}


def keep(folder: Path, accuracy: float, words: int | None = None, protocol: str = "lm-eval") -> None:
    facts = {"words_seen": words}
    numbers = results(accuracy, protocol)
    save_result(folder, StoredResult("blimp", "blimp", "minimal_pairs", numbers, {}, {}, evaluated=facts), {})


def compared(*models: str) -> dict[str, Any]:
    found = [
        {"model": name, "accuracy": 0.1 * n, "interval": [0.4, 0.6], "terms": {"t1": 0.1 * n, "t2": 0.5}}
        for n, name in zip((5, 9, 7), models, strict=False)
    ]
    return {"n": 20, "protocol": "lm-eval", "models": found, "tests": []}


def test_heat_map_shows_every_number(tmp_path: Path) -> None:
    figure = heat_map(MinimalPairsResult.heat_map("set", compared("m5", "m$9$")))
    axes = figure.axes[0]
    shown = [text.get_text() for text in axes.texts]
    assert shown == ["50.0", "90.0", "50.0", "50.0", "50.0", "90.0"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["m5", r"m\$9\$"], "a dollar begins no formula"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["t1", "t2", "mean over paradigms"]
    (picture,) = draw_heat_maps([(MinimalPairsResult, "set", compared("a", "b"))], tmp_path)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_ticks_of_a_learning_curve_do_not_overlap() -> None:
    words = [239_891, 478_933, 718_033, 957_505, 1_196_080, 1_435_000, 1_673_850, 1_816_088]
    figure = learning_curve([(seen, MinimalPairsResult(results(0.5)).bars()) for seen in words])
    figure.canvas.draw()
    labels = [label for label in figure.axes[0].get_xticklabels() if label.get_text()]
    boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.x0)
    assert {"240k", "1.82M"} <= {label.get_text() for label in labels}
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


@pytest.mark.parametrize(("value", "text"), [(999_999, "1M"), (2_500_000, "2.5M"), (1_816_088, "1.82M"), (999, "999")])
def test_short_counts_have_three_digits(value: int, text: str) -> None:
    assert short_count(value) == text


def test_columns_of_one_run_are_named_by_checkpoint() -> None:
    def columns(*models: str) -> list[str]:
        table, *_ = MinimalPairsResult.comparison_tables("set", compared(*models))
        return list(table.columns)

    assert columns("run/checkpoint-170", "run/chck_1M", "run") == ["step 170", "chck_1M", "final"]
    assert columns("run/checkpoint-170", "other") == ["run/checkpoint-170", "other"]
    assert columns("run", "run") == ["run", "run"]


def test_learning_curve_runs_over_words_seen(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    for name, accuracy, words in (("chck_2M", 0.6, 2_000_000), ("chck_1M", 0.5, 1_000_000)):
        keep(paths.checkpoint_evaluation(name), accuracy, words)
    keep(paths.checkpoint_evaluation("odd"), 0.9, 1_500_000, protocol="minicons")
    keep(paths.checkpoint_evaluation("unknown"), 0.9)
    keep(paths.evaluation, 0.7, 4_000_000)
    points = learning_points(paths)["blimp"]
    assert [(words, bars.mean[1]) for words, bars in points] == [(1_000_000, 50), (2_000_000, 60), (4_000_000, 70)]
    lines = {line.get_label(): line for line in learning_curve(points).axes[0].lines}
    assert list(lines["mean over paradigms"].get_ydata()) == [50.0, 60.0, 70.0]
    assert {"t1", "t2"} <= set(lines)
    assert [path.name for path in draw_learning_curves(paths)] == ["blimp_learning_curve.png"]


def test_one_checkpoint_makes_no_curve(tmp_path: Path) -> None:
    keep(RunPaths(tmp_path).checkpoint_evaluation("chck_1M"), 0.5, 1_000_000)
    assert draw_learning_curves(RunPaths(tmp_path)) == []


def test_sheet_of_numbers() -> None:
    figure = metrics_sheet(
        "run", {"perplexity": {"perplexity": 12.5, "domains": {"x": {"perplexity": 1.0}}}, "blimp": results(0.75)}
    )
    texts = "\n".join(text.get_text() for text in figure.axes[0].texts)
    assert "perplexity: 12.5" in texts
    assert "accuracy: 0.75" in texts
    assert [bar.get_width() for bar in figure.axes[0].patches] == [75.0, 75.0]
    flat = metrics_sheet("m", {"distinct_1": 0.5, "tokens": 1234567})
    assert "distinct 1: 0.5\ntokens: 1,234,567" in flat.axes[0].texts[0].get_text()


def test_plot_metrics(tmp_path: Path) -> None:
    from babyllama.api import ModelEvaluator

    run = save_run(tmp_path / "run")
    evaluator = ModelEvaluator(run, device="cpu")
    found = evaluator.evaluate(["blimp"], blimp_data=write_pairs(tmp_path / "pairs"))
    assert evaluator.plot_metrics(found) == run / "plots" / "metrics.png"
    other = evaluator.plot_metrics({"a": 1.0}, tmp_path / "sheet.png")
    assert other.read_bytes().startswith(b"\x89PNG")
    assert json.dumps(found)
