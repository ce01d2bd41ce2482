"""Suites by name: one table in the leaderboard's columns, from the command line; checkpoints; what is missing is said."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from evaluation_world import make_tokenizer, save_model, save_run
from suite_world import write_suite

from babyllama.cli import main
from babyllama.config.tables import SUITES, TASKS
from babyllama.evaluation.choices import Choice, ChoiceSet, Option
from babyllama.evaluation.pairs import MinimalPair, PairSet
from babyllama.evaluation.suites.floors import WordFrequencies, frequency_floor, words_of

pytestmark = pytest.mark.integration

ZERO_SHOT = "blimp,blimp_supplement,ewok,entity_tracking,comps,global_piqa,reading"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with two words-seen checkpoints, the second of the final model's weights, and a little of all data."""
    monkeypatch.chdir(tmp_path)
    write_suite(tmp_path / "eval")
    root = save_run(tmp_path / "models" / "A", context=128)
    save_model(root / "checkpoints" / "chck_1M", context=128, seed=1)
    shutil.copytree(root / "final", root / "checkpoints" / "chck_2M")
    return tmp_path


def evaluate(*arguments: str) -> int:
    return main(["evaluate", *arguments, "--device", "cpu", "--data", "eval"])


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert evaluate(*arguments, "--json", "--quiet") == 0
    return json.loads(capsys.readouterr().out)


def test_one_table_has_scores_intervals_floors_and_averages(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, "models/A", "--suite", "babylm-2026", "--tasks", ZERO_SHOT)
    columns = found["columns"]
    assert list(columns) == ZERO_SHOT.split(",")
    scores = {name: column["score"]["value"] for name, column in columns.items()}
    averages = found["averages"]
    assert averages["Overall"]["mean"] == pytest.approx(sum(scores.values()) / 7)
    assert averages["NLP"]["mean"] == pytest.approx(sum(scores[name] for name in ZERO_SHOT.split(",")[:6]) / 6)
    assert averages["Human-like"]["mean"] == scores["reading"]
    assert columns["entity_tracking"]["score"]["chance"] == pytest.approx(100 / 3)
    low, high = (columns["ewok"]["score"][end] for end in ("low", "high"))
    assert low < scores["ewok"] < high or scores["ewok"] in (low, high)
    assert averages["Overall"]["columns"] == [7, 9], "GLUE and AoA were not asked for, and the board has them"
    assert averages["Overall"]["missing_as_0"] == pytest.approx(sum(scores.values()) / 9)
    assert averages["Human-like"]["missing_as_0"] == pytest.approx(scores["reading"] / 2)
    assert evaluate("models/A", "--suite", "babylm-2026", "--tasks", ZERO_SHOT) == 0
    printed = capsys.readouterr()
    assert "BabyLM 2026, full set: A" in printed.out
    overall = next(line for line in printed.out.splitlines() if line.startswith("Overall")).split()
    assert overall[-3:] == ["7", "of", "9"]
    assert "* a part of the published items" in printed.out
    assert printed.err.count("up to date, reused") == 7, "nothing is measured twice"


def test_what_is_missing_is_said_and_the_rest_runs(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, "models/A", "--suite", "babylm-2025", "--fast")
    missing = {name: column["missing"] for name, column in found["columns"].items() if column["missing"]}
    assert set(missing) == {"blimp_supplement", "ewok"}
    assert "no folder supplement_fast/" in missing["blimp_supplement"]
    assert "comps" not in found["columns"], "not in the fast set"
    assert found["columns"]["blimp"]["score"]["items"] == 2
    assert found["columns"]["entity_tracking"]["numbers"]["groups"].keys() == {"regular_0_ops", "regular_1_ops"}
    kept = world / "models" / "A" / "evaluation" / "suite_babylm-2025_fast.json"
    assert json.loads(kept.read_text())["averages"]["Overall"]["columns"] == [5, 7]
    shutil.rmtree("eval")
    Path("eval").mkdir()
    assert evaluate("models/A", "--suite", "babylm-2025", "--fast") == 2
    assert "nothing of babylm-2025 could be scored" in capsys.readouterr().err


def test_revisions_take_the_fast_set_and_the_final_model_the_full_one(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = ("--tasks", "blimp,entity_tracking,comps,reading")
    found = report(capsys, "models/A", "--suite", "babylm-2026", "--revisions", "all", *tasks)["models"]
    assert [(one["model"], one["fast"]) for one in found] == [("A/chck_1M", True), ("A/chck_2M", True), ("A", False)]
    assert [one["words_seen"] for one in found[:2]] == [1_000_000, 2_000_000]
    assert ["comps" in one["columns"] for one in found] == [False, False, True]
    reading = [one["columns"]["reading"]["score"]["value"] for one in found]
    assert reading[0] != reading[1]
    assert reading[1] == reading[2]
    assert evaluate("models/A", "--suite", "babylm-2026", "--revisions", "all", *tasks) == 0
    again = capsys.readouterr()
    assert again.err.count("up to date, reused") == 3 + 3 + 4
    assert "BabyLM 2026, fast set" in again.out
    shutil.rmtree(world / "eval" / "fast_eval")
    assert evaluate("models/A", "--suite", "babylm-2026", "--revisions", "all", *tasks) == 0
    side_by_side = capsys.readouterr().out.partition("BabyLM 2026, fast set")[2]
    assert side_by_side.count("missing: BLiMP: its fast set is missing: no folder blimp_fast/") == 1
    assert "Overall, 2 of 6" in side_by_side
    assert (world / "models" / "A" / "plots" / "blimp_filtered_2026_fast_learning_curve.png").is_file()


def test_a_result_of_the_same_weights_is_taken_over(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("models/A", "--suite", "babylm-2026", "--tasks", "reading") == 0
    capsys.readouterr()
    arguments = ("--suite", "babylm-2026", "--revisions", "chck_1M,chck_2M", "--tasks", "reading")
    assert evaluate("models/A", *arguments) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "taken over from" in line]
    assert len(told) == 1
    assert told[0].startswith("reading_2026: taken over from")
    files = [
        world / "models" / "A" / "evaluation" / place / "reading_2026.json" for place in ("", "checkpoints/chck_2M")
    ]
    first, second = (json.loads(file.read_text()) for file in files)
    assert first["official"] == second["official"]
    assert (first["evaluated"]["model"], second["evaluated"]["model"]) == ("A", "A/chck_2M")
    assert second["evaluated"]["words_seen"] == 2_000_000


def test_models_stand_side_by_side(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_run(world / "models" / "B", "GPT2", context=128, tokenizer=make_tokenizer(adds_marks=True))
    assert evaluate("models/A", "models/B", "--suite", "babylm-2026", "--tasks", "ewok,reading") == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines[lines.index("BabyLM 2026, full set") :] if line.strip()}
    assert rows["A"] == ["B"]
    assert len(rows["EWoK"]) == 2
    assert rows["Overall,"][:3] == ["2", "of", "9"]
    assert len(rows["Overall,"]) == 3 + 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "babylm-2027"], "unknown suite 'babylm-2027'; did you mean 'babylm-202"),
        (["--suite", "babylm-2025", "--tasks", "global_piqa"], "the suite babylm-2025 has no task 'global_piqa'"),
        (["--suite", "babylm-2026", "--tasks", "wug_adj"], "the suite babylm-2026 has no task 'wug_adj'"),
        (["--suite", "babylm-2026", "--fast", "--tasks", "comps"], "comps is not in the fast set of babylm-2026"),
        (["--fast"], "--fast belongs to a suite"),
        (["--suite", "babylm-2026", "--year", "2025"], "--year 2025: the suite babylm-2026 has the rules of 2026"),
        (["--suite", "babylm-2026", "--revisions", "chck_3M"], "has no checkpoint chck_3M; there are: chck_1M, chck_2M, and main"),
        (["--suite", "babylm-2026", "--revisions", "all", "--fast"], "leave --fast away"),
        (["--suite", "babylm-2026", "--backend", "mlm", "--tasks", "ewok"], "--backend mlm: A is a causal model"),
    ],
)  # fmt: skip
def test_mistakes_end_in_one_line(
    arguments: list[str], message: str, world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("models/A", *arguments) == 2
    assert message in capsys.readouterr().err


def test_every_column_has_a_task() -> None:
    for _, suite in SUITES.items():
        waiting = {column.task for column in suite.columns if column.task not in TASKS}
        assert waiting == set()
        assert len({column.name for column in suite.columns}) == len(suite.columns)
    assert [len(SUITES.get(name).columns) for name in ("babylm-2025", "babylm-2026")] == [10, 9]


# --------------------------------------------------------------------------------------------------------------------
# The word-frequency floor

COUNTS = WordFrequencies(Counter(["the", "the", "the", "the", "cat", "cat", ".", ".", ".", "."]), 10, "made up")


def test_the_floor_chooses_the_more_frequent_words() -> None:
    pairs = [
        MinimalPair("a", "0", "The cat.", "The dog.", "f", "t"),
        MinimalPair("a", "1", "The dog.", "The cat.", "f", "t"),
        MinimalPair("b", "0", "The cat.", "Cat the.", "f", "t"),  # the same words: nobody can tell, half a point
    ]
    assert frequency_floor(PairSet("x", pairs, [], "x", 3), COUNTS) == pytest.approx(100 * (0.5 + 0.5) / 2)
    assert frequency_floor(ChoiceSet("x", [Choice("u", (Option("a"), Option("b")), human=0.5)], "x"), COUNTS) is None
    longer = ChoiceSet("x", [Choice("u", (Option("The cat the cat."), Option("The dog.")), 0)], "x")
    assert frequency_floor(longer, COUNTS, mean=True) == 100
    assert COUNTS.log_probability("The cat?") == pytest.approx(
        math.log(5) + math.log(3) + math.log(1) - 3 * math.log(11)
    )
    assert words_of("Don't stop, naïve cat!") == ["don't", "stop", ",", "naïve", "cat", "!"]


def test_the_floor_is_counted_on_the_text_of_the_run(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        report(capsys, "models/A", "--suite", "babylm-2026", "--tasks", "ewok")["columns"]["ewok"][
            "word_frequency_floor"
        ]
        is None
    )
    config = world / "models" / "A" / "training_config.yaml"
    (world / "train.txt").write_text("The cat went out. It is outside. It is inside.\n" * 5)
    settings = json.loads(config.read_text())
    settings["data"]["train_path"] = str(world / "train.txt")
    config.write_text(json.dumps(settings))
    from babyllama.runs import RunPaths, RunRecord

    record = RunRecord.load(RunPaths(world / "models" / "A"))
    record.seal_files(RunPaths(world / "models" / "A"))
    record.save(RunPaths(world / "models" / "A"))
    floor = report(capsys, "models/A", "--suite", "babylm-2026", "--tasks", "ewok")["columns"]["ewok"][
        "word_frequency_floor"
    ]
    assert 0 <= floor <= 100
