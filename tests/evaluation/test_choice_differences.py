"""Paired differences on multiple choice: counted by hand, read back from a run, left out where they cannot be known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_world import keep

from babyllama.errors import DamagedFileError
from babyllama.evaluation.choices.items import Choice, ChoiceSet, Option
from babyllama.evaluation.choices.results import ChoiceResult
from babyllama.evaluation.choices.scoring import ChoiceScores
from babyllama.runs.results import load_result

pytestmark = pytest.mark.unit

FIRST, SECOND = [True, True, False, False, True, False], [True, False, True, True, True, True]


def result(correct: list[bool], groups: str = "aaaabb") -> ChoiceResult:
    """What a model that is right where `correct` says so gets."""
    items = [Choice(uid, (Option("good"), Option("bad"))) for uid in groups]
    right = np.array(correct)
    zeros = np.zeros(len(items), dtype=bool)
    scores = ChoiceScores(
        [np.array([0.0, -1.0] if one else [-1.0, 0.0]) for one in correct], (~right).astype(int), right, zeros, right.astype(float), zeros, zeros, "causal"
    )  # fmt: skip
    facts = {"year": 2025, "fast": False}
    return ChoiceResult.of(ChoiceSet("ewok", items, "here"), scores, facts)


def compared(*results: ChoiceResult) -> Any:
    return ChoiceResult.compare(["one", "two", "three"][: len(results)], results)


def test_differences_are_counted_item_by_item() -> None:
    (bars,) = ChoiceResult.differences("ewok", compared(result(FIRST), result(SECOND)))
    assert bars.title == "difference from one\ntwo"
    assert bars.values == {"a": 25.0, "b": 50.0}, "one lost and two won of four; one won of two"
    assert bars.mean == ("mean", 37.5)
    low, high = bars.intervals["a"]
    assert low < 25 < high
    assert bars.chance == 0
    columns = ChoiceResult.heat_map("ewok", compared(result(FIRST), result(SECOND)))
    assert [one.mean[1] for one in columns] == [50.0, 87.5]
    assert columns[0].chance == 50


def test_accuracies_have_their_intervals() -> None:
    bars = result(SECOND).bars()
    assert all(
        low < {**bars.values, "mean": bars.mean[1]}[name] <= high for name, (low, high) in bars.intervals.items()
    )
    assert set(bars.intervals) == {"a", "b", "mean"}


def test_decisions_are_read_back_from_a_run(tmp_path: Path) -> None:
    kept = []
    for name, right in (("one", FIRST), ("two", SECOND)):
        keep(tmp_path / name, result(right), "ewok", "ewok")
        stored = load_result(tmp_path / name / "ewok.json")
        assert stored is not None
        kept.append(ChoiceResult.read(stored, tmp_path / name))
    assert compared(*kept)[1]["against_first"] == compared(result(FIRST), result(SECOND))[1]["against_first"]
    file = tmp_path / "two" / "ewok_predictions.jsonl"
    file.write_text("".join(line + "\n" for line in file.read_text().splitlines()[:-1]))
    assert compared(*kept)[1]["against_first"] is None, "a decision is missing"
    assert ChoiceResult.differences("ewok", compared(*kept)) == ()
    file.write_text(json.dumps({"uid": "a"}) + "\n")
    with pytest.raises(DamagedFileError, match="is damaged"):
        compared(*kept)


def test_other_items_have_no_paired_difference() -> None:
    assert compared(result(FIRST), result(SECOND, "aaabbb"))[1]["against_first"] is None
