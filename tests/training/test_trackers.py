"""Trackers for real, offline: what they have recorded is read back with their own readers; none of them stops a run."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from training_world import tiny_config, tiny_run

from babyllama.artifacts import read_json
from babyllama.errors import ConfigError
from babyllama.evaluation.results import Table
from babyllama.runs import Decisions, RunPaths, RunRecord
from babyllama.runs.rows import read_rows
from babyllama.training.trackers import Trackers, about, prepare_trackers, tracking
from babyllama.training.trackers.base import About, Tracker
from babyllama.training.trackers.wandb_tracker import settings_of

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_settings")]

LOGGING = {"project": "toys", "tags": ["mine"]}
SCORES = {"BLiMP/accuracy": 61.25}
TABLE = Table("by phenomenon", ("accuracy",), [("binding", "50.00")])


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No login, and none of the trackers' settings left over from the user."""
    for name in [name for name in os.environ if name.startswith(("WANDB_", "TRACKIO_", "TENSORBOARD_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))


def told(paths: RunPaths, config: Any) -> None:
    """What the pipeline tells after the evaluations; nobody may have left by then."""
    with tracking(config, paths, RunRecord.load(paths).decisions) as trackers:
        trackers.scores(SCORES, [TABLE], 10)
        assert len(trackers.names) == 1


def recorded(folder: Path, word: bytes) -> bool:
    """Is `word` in a wandb recording? Its service may write on for a moment after `finish` has returned."""
    for _ in range(100):
        if word in next(folder.glob("run-*.wandb")).read_bytes():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
def test_wandb_without_a_login_records_everything_offline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sections: dict[str, Any] = {"logging": {"wandb": True, **LOGGING}}
    _, paths = tiny_run(tmp_path, **sections)
    said = capsys.readouterr().err
    assert "wandb: no login, recording offline" in said
    assert "goes on without it" not in said
    run_id = read_json(paths.record)["decisions"]["tracker_id"]
    (first,) = (paths.root / "wandb").glob("offline-run-*")
    assert first.name.endswith(run_id)
    for word in (b"toys", b"mine", b"train/loss", b"eval/loss", b"train/words_seen", b"gradient_accumulation_steps"):
        assert recorded(first, word), word
    # Whoever goes on with the run does so under the same id.
    told(paths, tiny_config(tmp_path, **sections))
    runs = sorted((paths.root / "wandb").glob("offline-run-*"))
    assert [path.name[-8:] for path in runs] == [run_id, run_id]
    assert recorded(runs[1], b"scores/BLiMP/accuracy")
    (table,) = [file for run in runs for file in run.rglob("*.table.json")]
    assert json.loads(table.read_text()) == {
        "columns": ["", "accuracy"],
        "data": [["binding", "50.00"]],
        **_rest(table),
    }


def _rest(table: Path) -> dict[str, Any]:
    return {key: value for key, value in json.loads(table.read_text()).items() if key not in ("columns", "data")}


def test_what_the_user_set_for_wandb_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setenv("WANDB_TAGS", "a,b")
    config = tiny_config(tmp_path, logging={"wandb": True, **LOGGING})
    found = settings_of(about(config, RunPaths(tmp_path), Decisions(tracker_id="abcd1234")))
    assert (found["project"], found["mode"], found["tags"], found["id"]) == ("mine", "disabled", ["a", "b"], "abcd1234")


def test_a_refused_login_becomes_an_offline_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import wandb

    monkeypatch.setenv("WANDB_MODE", "online")
    asked = []

    def init(**options: Any) -> Any:
        asked.append(options["mode"])
        if options["mode"] == "online":
            raise wandb.errors.AuthenticationError("invalid API key")
        raise RuntimeError("no room")

    monkeypatch.setattr(wandb, "init", init)
    config = tiny_config(tmp_path, logging={"wandb": True})
    with tracking(config, RunPaths(tmp_path), Decisions()) as trackers:
        assert trackers.names == []
        trackers.log({"loss": 1.0}, 1)
    assert asked == ["online", "offline"]
    said = capsys.readouterr().err
    assert "wandb: invalid API key; recording offline" in said
    assert "wandb: no room; the run goes on without it" in said


def test_trackio_keeps_everything_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from trackio import sqlite_storage, utils

    for module in (utils, sqlite_storage):
        for name in ("TRACKIO_DIR", "MEDIA_DIR"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, tmp_path / "trackio" / ("" if name == "TRACKIO_DIR" else "media"))
    sections: dict[str, Any] = {"logging": {"report_to": ["trackio"], **LOGGING}}
    metrics, paths = tiny_run(tmp_path, **sections)
    told(paths, tiny_config(tmp_path, **sections))
    assert capsys.readouterr().out == "", "standard output is for results"
    storage = sqlite_storage.SQLiteStorage
    assert storage.get_runs("toys") == ["tiny"]
    logs = storage.get_logs("toys", "tiny")
    assert [row["train/global_step"] for row in logs if "train/loss" in row] == list(range(1, metrics.steps + 1))
    assert any("eval/loss" in row for row in logs)
    last = next(row for row in logs if "scores/BLiMP/accuracy" in row)
    assert last["scores/BLiMP/accuracy"] == 61.25
    assert "tables/by phenomenon" in last
    kept = storage.get_run_config("toys", "tiny")
    assert (kept["tags"], kept["training.lr"]) == ("babyllama, Llama, mine", 3e-3)


def test_tensorboard_files_hold_everything(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    sections: dict[str, Any] = {"logging": {"report_to": ["tensorboard"], **LOGGING}}
    metrics, paths = tiny_run(tmp_path, **sections)
    told(paths, tiny_config(tmp_path, **sections))
    read = EventAccumulator(str(paths.root / "tensorboard"))
    read.Reload()
    assert [one.step for one in read.Scalars("train/loss")] == list(range(1, metrics.steps + 1))
    assert read.Scalars("eval/loss")[-1].value == pytest.approx(metrics.eval_loss)
    assert read.Scalars("scores/BLiMP/accuracy")[0].value == 61.25
    texts = {tag: read.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in read.Tags()["tensors"]}
    assert texts["run/text_summary"] == "tiny (babyllama, Llama, mine)"
    assert "lr: 0.003" in texts["configuration/text_summary"]
    assert "| binding | 50.00 |" in texts["tables/by phenomenon/text_summary"]


class Broken(Tracker):
    """A tracker whose place is gone after the first step."""

    def start(self, about: About) -> None: ...

    def log(self, values: Any, step: int) -> None:
        if step > 1:
            raise OSError("disk full")

    def scores(self, numbers: Any, tables: Any, step: int) -> None: ...

    def finish(self) -> None: ...


def test_a_tracker_that_breaks_does_not_stop_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("babyllama.training.session.prepare_trackers", lambda *_: Trackers({"broken": Broken()}))
    metrics, paths = tiny_run(tmp_path)
    assert metrics.steps == len(read_rows(paths.losses))
    assert capsys.readouterr().err.count("broken: disk full; the run goes on without it") == 1


def test_a_tracker_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    config = tiny_config(tmp_path, logging={"report_to": ["trackio"]})
    with pytest.raises(ConfigError, match="trackio is not installed; pip install trackio"):
        prepare_trackers(config, Decisions())
