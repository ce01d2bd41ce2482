"""What a run folder says is what was written: records are sealed, curves and results have their hashes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from evaluation_world import save_metrics, save_run

from babyllama.errors import DamagedFileError, RunError
from babyllama.runs import Run, RunPaths, RunRecord, StoredResult, TrainingMetrics, load_results, read_run, save_result
from babyllama.runs.results import load_result
from babyllama.runs.rows import RowsFile, read_columns, read_numbers

pytestmark = pytest.mark.unit


def row(step: int) -> dict[str, float]:
    return {"step": step, "train_loss": 5.0 - step / 10, "learning_rate": 0.001}


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    """A finished run with a curve and one result."""
    paths = RunPaths(save_run(tmp_path / "run"))
    losses = RowsFile(paths.losses)
    for step in (1, 2, 3):
        losses.append(row(step))
    save_metrics(paths.root)
    result = StoredResult(
        "blimp", "blimp", "minimal_pairs", {"accuracy": 0.75}, {"model": "a"}, {"protocol": "lm-eval"}
    )
    save_result(paths.evaluation, result, {"blimp.csv": ["uid,accuracy\n", "x,0.75\n"]})
    read_run(paths)
    return paths


def changed_digit(path: Path) -> None:
    text = path.read_text()
    place = next(index for index in range(len(text) - 1, 0, -1) if text[index].isdigit())
    path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])


def junk(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00 no text")


def wrong_shape(path: Path) -> None:
    path.write_text("[]")


def nested(path: Path) -> None:
    path.write_text("[" * 100_000)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe_instead(path: Path) -> None:
    import os

    path.unlink()
    os.mkfifo(path)


JSON_FAULTS = [changed_digit, junk, wrong_shape, nested, folder_instead, pipe_instead]


@pytest.mark.parametrize("fault", JSON_FAULTS)
@pytest.mark.parametrize("name", ["run.json", "training_metrics.json", "evaluation/blimp.json"])
def test_a_damaged_record_is_one_error_that_names_it(run: RunPaths, name: str, fault: Callable[[Path], None]) -> None:
    if name.startswith("evaluation") and fault in (wrong_shape,):
        pytest.skip("a JSON file that no evaluation wrote is no result")
    fault(run.root / name)
    with pytest.raises(RunError) as error:
        read_run(run)
    assert Path(name).name in str(error.value)


@pytest.mark.parametrize("name", ["losses.csv", "training_config.yaml", "evaluation/blimp.csv"])
@pytest.mark.parametrize("fault", [changed_digit, junk])
def test_a_changed_curve_configuration_or_table_is_found(
    run: RunPaths, name: str, fault: Callable[[Path], None]
) -> None:
    fault(run.root / name)
    with pytest.raises(RunError, match=Path(name).name):
        read_run(run)


def test_a_configuration_cut_short_is_damage_and_not_a_run_with_defaults(run: RunPaths) -> None:
    text = run.config.read_text()
    run.config.write_text(text[: text.index('"model"')].rstrip(", ") + "}")
    with pytest.raises(DamagedFileError, match=r"training_config\.yaml has \d+ bytes instead of"):
        _ = Run(run.root).config


def test_only_what_an_evaluation_wrote_is_a_result(run: RunPaths) -> None:
    (run.evaluation / "notes.json").write_text('{"accuracy": 1.0, "paradigms": {}}')
    (run.evaluation / "list.json").write_text('{"task": "x"}')
    assert [result.name for result in load_results(run.evaluation)] == ["blimp"]
    assert load_result(run.evaluation / "nowhere.json") is None


def test_a_result_says_why_it_is_out_of_date(run: RunPaths) -> None:
    (result,) = load_results(run.evaluation)
    assert result.stale_reason({"model": "a"}, {"protocol": "lm-eval"}) is None
    assert result.stale_reason({"model": "b"}, {"protocol": "lm-eval"}) == "changed input: model"
    assert result.stale_reason({"model": "a"}, {"protocol": "minicons"}) == "changed setting: protocol"


def test_resuming_over_a_changed_curve_is_refused_and_a_lost_one_begins_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "losses.csv"
    file = RowsFile(path)
    for step in (1, 2, 3):
        file.append(row(step))
    fingerprint = file.fingerprint_until(2)
    RowsFile(path, resume_step=2, fingerprint=fingerprint)
    assert [found["step"] for found in read_numbers(path)] == [1.0, 2.0]
    path.write_text(path.read_text().replace("4.9", "4.8"))
    with pytest.raises(DamagedFileError, match="rows up to step 2 have changed"):
        RowsFile(path, resume_step=2, fingerprint=fingerprint)
    path.unlink()
    RowsFile(path, resume_step=2, fingerprint=fingerprint)
    assert "the curve begins anew after step 2" in capsys.readouterr().err


def test_a_cell_that_is_no_number_is_named(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    path.write_text("step,train_loss\n1,5.0\n2,five\n")
    with pytest.raises(DamagedFileError, match="step 2 has a cell that is no number"):
        read_numbers(path)


def test_columns_are_the_numbers_of_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    cells = [(f"{step}", "" if step % 3 else f"{step / 7!r}", "") for step in range(1, 200_001)]
    path.write_text("step,loss,none\n" + "".join(f"{','.join(row)}\n" for row in cells) + "9,9")
    columns = read_columns(path)
    assert columns["step"].tolist() == list(range(1, 200_001))
    assert columns["loss"][2::3].tolist() == [step / 7 for step in range(3, 200_001, 3)]
    assert np.isnan(columns["loss"]).sum() == 200_000 - 66_666
    assert np.isnan(columns["none"]).all()
    path.write_text("step,loss\n1\n")
    assert [len(column) for column in read_columns(path).values()] == [0, 0]


@pytest.mark.parametrize(
    "junk",
    [b"step,lo\xff\n1,2\n", b"step,loss\n1,2\n\xff\n", b"st\rep,loss\n1,2\n", b"step,step\n1,2\n", b"step\n\x00\n"],
)
def test_a_curve_that_is_junk_is_told_in_one_line(
    junk: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "losses.csv"
    path.write_bytes(junk)
    with pytest.raises(DamagedFileError, match=r"losses\.csv is damaged") as found:
        read_columns(path)
    assert "\n" not in str(found.value)
    assert capsys.readouterr().err == ""


def test_numbers_of_the_wrong_type_are_damage(run: RunPaths) -> None:
    from babyllama.artifacts import read_sealed, write_sealed

    for value in ("12", None, [1], True):
        write_sealed(run.metrics, {**read_sealed(run.metrics), "steps": value})
        with pytest.raises(DamagedFileError, match="steps is"):
            TrainingMetrics.load(run)


def test_paths_of_a_run_do_not_depend_on_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    record = RunRecord.new("x", directory=RunRecord.relative_directory(tmp_path / "models" / "x"))
    monkeypatch.chdir("/")
    assert record.resolve(tmp_path / "models" / "x", "data/dev") == str(tmp_path / "data" / "dev")
    assert record.resolve(tmp_path / "models" / "x", "/data/dev") == "/data/dev"


def test_an_older_record_without_a_seal_is_said_to_be_one(run: RunPaths) -> None:
    value = json.loads(run.record.read_text())
    del value["seal"]
    run.record.write_text(json.dumps(value))
    with pytest.raises(DamagedFileError, match="no seal"):
        RunRecord.load(run)
