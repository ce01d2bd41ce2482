"""`babyllama evaluate`, `generate` and `benchmark` as they are typed, and what they leave in the run folder."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_world import PAIRS, TEXT, save_model, save_run, write_pairs

from babyllama.cli import main

pytestmark = pytest.mark.integration


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a held-out text, a run `models/A` and minimal pairs under data/."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dev.txt").write_text("\n<|endoftext|>\n".join(TEXT), encoding="utf-8")
    run = save_run(tmp_path / "models" / "A", eval_path="dev.txt")
    np.save(run / "token_counts.npy", np.arange(330))
    write_pairs(tmp_path / "data" / "blimp_synthetic")
    return tmp_path


def test_defaults(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "models/A/", "--device", "cpu"]) == 0
    printed = capsys.readouterr()
    assert "perplexity per document" in printed.out
    assert "blimp_synthetic: " in printed.out
    assert "agreement" in printed.out
    assert f"results: {Path('models/A/evaluation')}" in printed.err
    kept = world / "models" / "A" / "evaluation"
    assert sorted(path.name for path in kept.iterdir()) == [
        "blimp_synthetic.csv",
        "blimp_synthetic.json",
        "blimp_synthetic_predictions.jsonl",
        "official",
        "perplexity.json",
    ]
    result = json.loads((kept / "blimp_synthetic.json").read_text())
    assert result["protocol"] == "lm-eval"
    assert result["evaluated"]["type"] == "llama"
    assert set(result["paradigms"]) == {"agreement", "anaphor", "npi"}
    rows = [json.loads(line) for line in (kept / "blimp_synthetic_predictions.jsonl").open()]
    assert len(rows) == len(PAIRS)
    assert sum(row["correct"] for row in rows) == sum(
        round(p["accuracy"] * p["n"]) for p in result["paradigms"].values()
    )
    table = list(csv.DictReader((kept / "blimp_synthetic.csv").open()))
    assert [row["uid"] for row in table] == ["agreement", "anaphor", "npi"]
    official = json.loads((kept / "official" / "blimp_synthetic_predictions.json").read_text())
    assert official["npi"]["predictions"][0]["id"] == "npi_0"
    assert json.loads((kept / "perplexity.json").read_text())["unigram_perplexity"] > 1
    assert (world / "models" / "A" / "modelcard.md").is_file(), "the card is written again after an evaluation"


def test_minimal_pairs_are_scored_by_the_backend_that_was_asked_for(world: Path) -> None:
    for backend in ([], ["--backend", "mntp"]):
        assert main(["evaluate", "models/A", "--tasks", "blimp", "--device", "cpu", *backend]) == 0
    kept = world / "models" / "A" / "evaluation"
    scores = {
        stem: [json.loads(line)["good_score"] for line in (kept / f"{stem}_predictions.jsonl").open()]
        for stem in ("blimp_synthetic", "blimp_synthetic_mntp")
    }
    assert json.loads((kept / "blimp_synthetic_mntp.json").read_text())["scoring"]["backend"] == "mntp"
    assert scores["blimp_synthetic"] != scores["blimp_synthetic_mntp"]


def test_a_flag_that_no_task_reads_is_refused(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for flag, value, tasks in (("--backend", "mntp", "perplexity"), ("--stride", "8", "blimp")):
        assert main(["evaluate", "models/A", "--tasks", tasks, flag, value]) == 2
        assert f"{flag} is not read by {tasks}, but by: " in capsys.readouterr().err


def test_json_is_all_there_is_on_stdout(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "models/A", "--json", "--device", "cpu", "--quiet"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["model"] == "A"
    assert set(value["results"]) == {"perplexity", "blimp_synthetic"}
    row = value["results"]["blimp_synthetic"]["paradigms"]["npi"]
    assert {"accuracy", "n", "ties"} <= set(row)
    assert 0 <= row["accuracy"] <= 1


def test_options_reach_the_scorer(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "evaluate",
        "models/A",
        "--tasks",
        "blimp,generation",
        "--protocol",
        "babylm-2026",
        "--json",
        "--quiet",
    ]
    assert main([*arguments, "--pairs_per_paradigm", "1", "--seed", "3", "--device", "cpu", "--dtype", "fp32"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert set(results) == {"blimp_synthetic", "generation"}
    assert results["blimp_synthetic"]["protocol"] == "babylm-2026"
    assert results["blimp_synthetic"]["n"] == 3
    assert results["blimp_synthetic"]["seed"] == 3
    assert results["generation"]["samples"]


def test_another_protocol_is_another_result(world: Path) -> None:
    arguments = ["evaluate", "models/A", "--tasks", "blimp", "--quiet", "--device", "cpu"]
    assert main(arguments) == 0
    kept = world / "models" / "A" / "evaluation"
    before = (kept / "blimp_synthetic.json").read_text()
    assert main([*arguments, "--protocol", "minicons"]) == 0
    assert (kept / "blimp_synthetic.json").read_text() == before
    assert json.loads((kept / "blimp_synthetic_minicons.json").read_text())["protocol"] == "minicons"
    assert (
        "minimal pairs blimp\\_synthetic; protocol `minicons`" in (world / "models" / "A" / "modelcard.md").read_text()
    )


def test_another_text_is_another_result(world: Path) -> None:
    (world / "other").mkdir()
    (world / "other" / "stories.txt").write_text(TEXT[0], encoding="utf-8")
    arguments = ["evaluate", "models/A", "--tasks", "perplexity", "--quiet", "--device", "cpu"]
    kept = world / "models" / "A" / "evaluation"
    assert main([*arguments, "--eval-text", "other/stories.txt"]) == 0
    assert [path.name for path in kept.iterdir()] == ["perplexity_stories.json"]
    assert main([*arguments, "--eval-text", "./other/../dev.txt"]) == 0, "the run's own text by another path"
    own, other = (json.loads((kept / f"perplexity{end}.json").read_text()) for end in ("", "_stories"))
    assert (other["text"], other["documents"]) == ("other/stories.txt", 1)
    assert other["text_fingerprint"] != own["text_fingerprint"]
    (world / "more").mkdir()
    (world / "more" / "stories.txt").write_text(TEXT[1], encoding="utf-8")
    for _ in range(2):
        assert main([*arguments, "--eval-text", "more/stories.txt"]) == 0
    assert json.loads((kept / "perplexity_stories.json").read_text()) == other, (
        "a text of the same name replaces nothing"
    )
    assert json.loads((kept / "perplexity_more_stories.json").read_text())["text"] == "more/stories.txt"
    assert len(list(kept.glob("perplexity*"))) == 3
    (kept / "perplexity_stories.json").write_text("{broken", encoding="utf-8")
    assert main([*arguments, "--eval-text", "other/stories.txt"]) == 0, "a damaged result is measured again"
    assert json.loads((kept / "perplexity_stories.json").read_text())["perplexity"] == other["perplexity"]
    card = (world / "models" / "A" / "modelcard.md").read_text()
    assert f"| perplexity on `other/stories.txt`, per document | {other['perplexity']:.2f} |" in card
    assert f"| held-out perplexity on `./other/../dev.txt`, per document | {own['perplexity']:.2f} |" in card


def test_a_part_of_the_pairs_says_so(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", "models/A", "--tasks", "blimp", "--json", "--quiet", "--device", "cpu"]
    assert main(arguments) == 0
    whole = json.loads(capsys.readouterr().out)["results"]["blimp_synthetic"]
    assert (whole["set"], whole["subset"], whole["n"], whole["set_size"]) == ("blimp_synthetic", False, 7, 7)
    assert main([*arguments, "--pairs-per-paradigm", "1"]) == 0
    part = json.loads(capsys.readouterr().out)["results"]["blimp_synthetic"]
    assert (part["subset"], part["n"], part["set_size"]) == (True, 3, 7)


def test_a_part_is_a_result_of_its_own(world: Path) -> None:
    """The card, and what the Hub shows, hold the full set where there is one."""
    arguments = ["evaluate", "models/A", "--tasks", "blimp", "--quiet", "--device", "cpu"]
    run = world / "models" / "A"
    assert main([*arguments, "--pairs-per-paradigm", "1"]) == 0
    assert "blimp\\_synthetic, 3 of 7 pairs" in (run / "modelcard.md").read_text()
    assert main(arguments) == 0
    full, picture = (run / "evaluation" / "blimp_synthetic.json").read_text(), run / "plots" / "blimp_synthetic.png"
    drawn = picture.read_bytes()
    assert main([*arguments, "--pairs-per-paradigm", "2", "--overwrite"]) == 0
    assert (run / "evaluation" / "blimp_synthetic.json").read_text() == full
    assert (run / "evaluation" / "blimp_synthetic_2_per_paradigm.json").is_file()
    assert picture.read_bytes() == drawn
    card = (run / "modelcard.md").read_text()
    assert "3 of 7" not in card
    assert "6 of 7" not in card
    assert "minimal pairs blimp\\_synthetic; protocol `lm-eval`" in card


def test_an_evaluation_is_up_to_date_when_model_data_and_settings_are(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "models/A", "--device", "cpu"]
    assert main(arguments) == 0
    first = capsys.readouterr()
    assert main(arguments) == 0
    second = capsys.readouterr()
    assert "perplexity: up to date, reused" in second.err
    assert "blimp_synthetic: up to date, reused" in second.err
    assert second.out == first.out, "a result that is read is shown as one that was measured"
    (world / "dev.txt").write_text(TEXT[0])
    assert main([*arguments, "--dtype", "fp32"]) == 0
    third = capsys.readouterr().err
    assert "perplexity: measured again (changed input: text)" in third
    assert "blimp_synthetic: measured again (changed setting: dtype)" in third
    assert main([*arguments, "--dtype", "fp32", "--overwrite"]) == 0
    assert "up to date" not in capsys.readouterr().err


def test_a_run_is_evaluated_the_same_from_any_folder(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (world / "elsewhere").mkdir()
    (world / "elsewhere" / "dev.txt").write_text("Something else.")
    assert main(["evaluate", "models/A", "--tasks", "perplexity", "--json", "--device", "cpu"]) == 0
    here = json.loads(capsys.readouterr().out)
    monkeypatch.chdir(world / "elsewhere")
    assert main(["evaluate", "../models/A", "--tasks", "perplexity", "--json", "--device", "cpu"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == here
    assert "up to date" in printed.err


def test_other_files_in_the_folder_are_no_results(world: Path) -> None:
    kept = world / "models" / "A" / "evaluation"
    kept.mkdir()
    (kept / "blimp_synthetic.json").write_text('{"accuracy": 1.0}')
    (kept / "mine.json").write_text("[1, 2]")
    assert main(["evaluate", "models/A", "--quiet", "--device", "cpu"]) == 0
    assert json.loads((kept / "blimp_synthetic.json").read_text())["protocol"] == "lm-eval"
    assert (kept / "mine.json").read_text() == "[1, 2]"


def test_tasks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    from babyllama.config.tables import TASKS

    assert main(["evaluate", "--list-tasks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(TASKS)
    assert max(map(len, lines)) <= 80


def test_help_names_every_format_of_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    from babyllama.evaluation.pairs import PAIR_FORMATS

    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in PAIR_FORMATS)


def test_every_task_leaves_its_result(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those with files of their own, which not everyone has, are tested where they are."""
    tasks = ("perplexity", "blimp", "generation", "surprisal", "stories")
    assert main(["evaluate", "models/A", "--tasks", ",".join(tasks), "--device", "cpu"]) == 0
    assert {f"{name}.json" for name in ("perplexity", "generation", "surprisal", "stories")} <= {
        file.name for file in (world / "models" / "A" / "evaluation").iterdir()
    }
    printed = capsys.readouterr().out
    assert "mean surprisal" in printed
    kept = world / "models" / "A" / "evaluation"
    rows = list(csv.DictReader((kept / "surprisal.csv").open()))
    assert [row["word"] for row in rows] == " ".join(TEXT).split()
    assert "surprisal of a word on `dev.txt`, bits" in (world / "models" / "A" / "modelcard.md").read_text()


@pytest.mark.parametrize("width", [40, 80])
def test_narrow_terminals_tear_nothing(
    world: Path, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every number stands whole beside its name; nothing is wider than the window."""
    from babyllama import console

    monkeypatch.setattr(console, "PIPE_WIDTH", width)
    save_run(world / "models" / "B", "GPT2", eval_path="dev.txt", seed=2)
    for models in (["models/A"], ["models/A", "models/B"]):
        assert main(["evaluate", *models, "--device", "cpu", "--paradigms"]) == 0
        printed = capsys.readouterr().out
        assert max(map(len, printed.splitlines())) <= width
        assert re.search(r"\d+\.\d-\d+\.\d", printed)
        assert not re.search(r"\d-$|\d\.$", printed, re.MULTILINE)


def test_help_names_commands_that_exist(capsys: pytest.CaptureFixture[str], repository: Path) -> None:
    for command in ("generate", "evaluate", "benchmark", "surprisal"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        for script in re.findall(r"\w+\.py\b", capsys.readouterr().out):
            assert (repository / script).is_file(), f"{command} --help names {script}"


def test_two_models_in_one_table(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_run(world / "models" / "B", "GPT2", eval_path="dev.txt", seed=2)
    assert main(["evaluate", "models/A", "models/B", "--device", "cpu"]) == 0
    printed = capsys.readouterr()
    assert "B against A: right where the other is wrong" in printed.out
    assert "mean over paradigms" in printed.out
    assert (world / "models" / "A" / "plots" / "blimp_synthetic_comparison.png").is_file()
    assert main(["evaluate", "models/A", "models/B", "--json", "--quiet", "--plots", "here", "--device", "cpu"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert [report["model"] for report in value["models"]] == ["A", "B"]
    assert value["comparison"]["minimal_pairs"]["blimp_synthetic"]["tests"][0]["second"] == "B"
    assert (world / "here" / "blimp_synthetic_comparison.png").is_file()


def test_checkpoints_make_a_learning_curve_and_leave_the_final_results_alone(world: Path) -> None:
    for number in (1, 2):
        save_model(world / "models" / "A" / "checkpoints" / f"chck_{number}M", seed=number)
    assert main(["evaluate", "models/A", "--tasks", "blimp", "--quiet", "--device", "cpu"]) == 0
    final = (world / "models" / "A" / "evaluation" / "blimp_synthetic.json").read_text()
    names = [f"models/A/checkpoints/chck_{number}M" for number in (1, 2)]
    assert main(["evaluate", *names, "--tasks", "blimp", "--quiet", "--device", "cpu"]) == 0
    kept = world / "models" / "A" / "evaluation"
    assert (kept / "blimp_synthetic.json").read_text() == final
    assert (
        json.loads((kept / "checkpoints" / "chck_2M" / "blimp_synthetic.json").read_text())["evaluated"]["words_seen"]
        == 2_000_000
    )
    assert (world / "models" / "A" / "plots" / "blimp_synthetic_learning_curve.png").is_file()


def test_what_is_not_there_is_skipped_by_default_and_an_error_when_named(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(save_model(world / "plain"))
    assert main(["evaluate", model, "--device", "cpu"]) == 0
    assert "note: perplexity skipped: no evaluation text" in capsys.readouterr().err
    assert main(["evaluate", model, "--tasks", "perplexity", "--device", "cpu"]) == 2
    assert "error: no evaluation text" in capsys.readouterr().err
    (world / "data" / "blimp_synthetic").rename(world / "elsewhere")
    assert main(["evaluate", "models/A", "--device", "cpu"]) == 0
    assert "note: blimp skipped: no minimal pairs" in capsys.readouterr().err
    assert main(["evaluate", "models/A", "--tasks", "blimp", "--device", "cpu"]) == 2
    assert "--blimp-data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models/A", "--tasks", "blimb"], "unknown task 'blimb'; did you mean 'blimp'?"),
        (["models/A", "--protocol", "lmeval"], "did you mean 'lm-eval'?"),
        (["models/A", "--tasks", "blimp", "--blimp-data", "models"], "holds no minimal-pair files"),
        (
            ["models/A", "--tasks", "blimp", "--pairs-per-paradigm", "0"],
            "--pairs-per-paradigm 0: must be greater than 0",
        ),
        (["models/none"], "no model at models/none"),
        (["data"], "data holds no model"),
        (["models/A", "--eval-text", "nowhere.txt"], "nowhere.txt"),
        (["models/A", "--stride", "1000"], "--stride 1000"),
        ([], "no MODEL is named"),
    ],
)
def test_mistakes_are_one_clear_line(
    world: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *arguments, "--device", "cpu"]) == 2
    printed = capsys.readouterr()
    errors = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert not (world / "models" / "A" / "evaluation" / "blimp_synthetic.json").exists()


def test_a_wrong_model_is_found_before_the_right_ones_are_scored(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "models/A", "models/none", "--device", "cpu"]) == 2
    assert not (world / "models" / "A" / "evaluation").exists()


def test_generate(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["generate", "models/A", "The cat", "--max-new-tokens", "6", "--num-samples", "2", "--device", "cpu"]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    assert first.count("The cat") == 2
    assert main(arguments) == 0
    assert capsys.readouterr().out == first
    assert main([*arguments, "--temperature", "-1"]) == 2


def test_benchmark(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "models/A", "--device", "cpu", "--quiet"]) == 0
    assert "each further token, ms" in capsys.readouterr().out
    kept: dict[str, Any] = json.loads((world / "models" / "A" / "evaluation" / "benchmark.json").read_text())
    assert kept["completion"]["n"] == 10
