"""Checkpoints are whole or skipped, counted, refused when they do not fit; losses.csv and model folders."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from training_world import tiny_model, tiny_run

from babyllama.errors import CheckpointError, RunError, TrainingError
from babyllama.runs import RunPaths
from babyllama.runs.rows import LOSS_COLUMNS, RowsFile, read_rows
from babyllama.training import newest_checkpoint
from babyllama.training.hooks.words_seen import SCHEDULE_MILLIONS, WordCheckpoints, announcement, at_the_end, crossed
from babyllama.training.saving import checkpoints
from babyllama.training.saving.model_folder import save_model_folder

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    tiny_run(folder, training={"save_steps": 2, "save_total_limit": None})
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> RunPaths:
    """A copy of a finished run with checkpoints of steps 2, 4, 6, 8 and 10, to be damaged."""
    import shutil

    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return RunPaths(tmp_path / "tiny")


def steps(paths: RunPaths) -> list[int]:
    return [step for step, _ in checkpoints.checkpoints_by_step(paths.checkpoints)]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", "rng_state.pth", "trainer_state.json"])
@pytest.mark.parametrize("fault", ["missing", "truncated", "flipped bit"])
def test_a_damaged_checkpoint_is_skipped_with_a_warning(
    run: RunPaths, name: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = run.checkpoints / "checkpoint-10" / name
    if fault == "missing":
        file.unlink()
    elif fault == "truncated":
        file.write_bytes(file.read_bytes()[:-20])
    else:
        flip(file)
    assert newest_checkpoint(run) == run.checkpoints / "checkpoint-8"
    warning = capsys.readouterr().err
    assert "checkpoint-10" in warning
    assert name in warning


def test_a_checkpoint_without_manifest_or_state_is_no_checkpoint(run: RunPaths) -> None:
    (run.checkpoints / "checkpoint-10" / "manifest.json").write_text("{")
    (run.checkpoints / "checkpoint-8" / "manifest.json").unlink()
    assert newest_checkpoint(run) == run.checkpoints / "checkpoint-6"


def test_training_goes_on_from_the_good_one_and_ends_as_it_would_have(run: RunPaths, finished: Path) -> None:
    flip(run.checkpoints / "checkpoint-10" / "model.safetensors")
    flip(run.checkpoints / "checkpoint-8" / "optimizer.pt")
    result, _ = tiny_run(run.root.parent, resume="newest", training={"save_steps": 2, "save_total_limit": 2})
    assert result.resumed_from_step == 6
    assert steps(run) == [8, 10]
    assert checkpoints.damage(run.checkpoints / "checkpoint-10") is None
    same = RunPaths(finished / "tiny").final / "model.safetensors"
    assert (run.final / "model.safetensors").read_bytes() == same.read_bytes()


def test_an_explicit_damaged_or_missing_checkpoint_is_an_error(run: RunPaths) -> None:
    flip(run.checkpoints / "checkpoint-4" / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"checkpoint-4 is damaged: the content of model.safetensors"):
        tiny_run(run.root.parent, resume=run.checkpoints / "checkpoint-4")
    with pytest.raises(CheckpointError, match="does not exist"):
        tiny_run(run.root.parent, resume=run.checkpoints / "checkpoint-5")


def test_a_checkpoint_of_another_model_does_not_fit(run: RunPaths) -> None:
    with pytest.raises(CheckpointError, match="does not fit this model"):
        tiny_run(run.root.parent, resume=run.checkpoints / "checkpoint-4", model=tiny_model("GPT2"), force=True)


def test_starting_anew_over_checkpoints_is_refused(run: RunPaths) -> None:
    with pytest.raises(RunError, match="--overwrite"):
        tiny_run(run.root.parent)


def test_no_checkpoint_yet_starts_anew_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result, _ = tiny_run(tmp_path, resume="newest", training={"max_steps": 1})
    assert result.resumed_from_step is None
    assert "starts anew" in capsys.readouterr().err


def test_a_finished_run_resumed_only_writes_its_model(run: RunPaths) -> None:
    before = (run.final / "model.safetensors").read_bytes()
    (run.final / "model.safetensors").unlink()
    result, _ = tiny_run(run.root.parent, resume="newest", model=tiny_model(seed=5), training={"save_steps": 2})
    assert result.steps == result.resumed_from_step == 10
    assert (run.final / "model.safetensors").read_bytes() == before


def test_the_limit_keeps_the_newest(tmp_path: Path) -> None:
    _, paths = tiny_run(tmp_path, training={"save_steps": 2, "save_total_limit": 3})
    assert steps(paths) == [6, 8, 10]
    assert [path.name for path in paths.checkpoints.glob(".*")] == []


def test_without_save_steps_every_epoch_is_saved(tmp_path: Path) -> None:
    _, paths = tiny_run(tmp_path, training={"num_epochs": 3, "save_total_limit": None})
    assert steps(paths) == [5, 10, 15]


@pytest.mark.parametrize("killed_after", [0, 1, 2])
def test_a_checkpoint_made_again_is_the_old_or_the_new_one(
    tmp_path: Path, killed_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going back and training on replaces later checkpoints; a kill at any rename may lose neither."""
    target, part = tmp_path / "checkpoint-4", tmp_path / ".tmp-saving" / "checkpoint-4"
    for folder, text in ((target, "old"), (part, "new")):
        folder.mkdir(parents=True)
        (folder / "weights").write_text(text)
    left, replace = [killed_after], os.replace

    def killing_replace(source: Any, to: Any) -> None:
        if Path(source).is_dir():
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
        replace(source, to)

    monkeypatch.setattr(os, "replace", killing_replace)
    with contextlib.suppress(KeyboardInterrupt):
        checkpoints.seal(part, target, 4, checkpoints.MadeWith({}, {}))
    monkeypatch.undo()
    checkpoints.clear_leftovers(tmp_path)
    assert (target / "weights").read_text() == ("new" if killed_after == 2 else "old")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-4"]


@pytest.mark.parametrize("where", ["model", "optimizer", "seal"])
def test_a_full_disk_loses_no_earlier_checkpoint(tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from transformers import PreTrainedModel

    full = OSError(errno.ENOSPC, "No space left on device")
    target: Any
    target, name = {
        "model": (PreTrainedModel, "save_pretrained"),
        "optimizer": (torch, "save"),
        "seal": (checkpoints, "file_facts"),
    }[where]
    original = getattr(target, name)
    calls = []

    def fails_from_the_second_checkpoint_on(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if (tmp_path / "tiny" / "checkpoints" / "checkpoint-2").is_dir():
            raise full
        return original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(target, name, fails_from_the_second_checkpoint_on)
        with pytest.raises(TrainingError, match=r"step 4 could not be written.*No space left.*step 2 is kept"):
            tiny_run(tmp_path, training={"save_steps": 2})
    assert calls
    paths = RunPaths(tmp_path / "tiny")
    assert newest_checkpoint(paths) == paths.checkpoints / "checkpoint-2"
    assert list(paths.checkpoints.glob(".tmp*")) == []
    result, _ = tiny_run(tmp_path, resume="newest", training={"save_steps": 2})
    assert (result.resumed_from_step, result.steps) == (2, 10)


def test_keep_best_ships_the_weights_of_the_lowest_held_out_loss(tmp_path: Path) -> None:
    # A learning rate far too high after a short good start: the best model is not the last one.
    sections = {"optimization": {"schedule": "constant", "max_grad_norm": 0}}
    training = {"lr": 20.0, "eval_steps": 1, "warmup_steps": 10, "keep_best": True}
    result, paths = tiny_run(tmp_path, training=training, **sections)
    held_out = {int(row["step"]): float(row["eval_loss"]) for row in read_rows(paths.losses)}
    best = min(held_out, key=lambda step: held_out[step])
    assert best < 10
    assert result.eval_loss == pytest.approx(held_out[best], abs=1e-7)
    facts = json.loads((paths.checkpoints / "best" / "checkpoint.json").read_text())
    assert facts["step"] == best
    from transformers import AutoModelForCausalLM

    final = AutoModelForCausalLM.from_pretrained(paths.final).state_dict()
    kept = AutoModelForCausalLM.from_pretrained(paths.checkpoints / "best").state_dict()
    assert all((final[name] == kept[name]).all() for name in final)


def test_words_seen_schedule() -> None:
    assert [entry for entry in SCHEDULE_MILLIONS if entry <= 10] == list(range(1, 11))
    assert len(SCHEDULE_MILLIONS) == 9 + 9 + 10
    assert SCHEDULE_MILLIONS[-1] == 1000
    assert crossed(999_999, 1_000_000) == [1]
    assert crossed(1_000_000, 1_999_999) == []
    assert crossed(8_500_000, 21_000_000) == [9, 10, 20]


def test_word_checkpoints_are_models_ready_to_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # The tiny text has about 1,000 words in two epochs: one of its "millions" is 100 words.
    monkeypatch.setattr("babyllama.training.session.WordCheckpoints", partial(WordCheckpoints, unit=100))
    _, paths = tiny_run(tmp_path, training={"word_checkpoints": True})
    seen = {int(row["step"]): int(row["words_seen"]) for row in read_rows(paths.losses)}
    names = sorted(path.name for path in paths.checkpoints.glob("chck_*"))
    words = max(seen.values())
    due_at_all = [*range(1, words // 100 + 1), *at_the_end(words, 100)]
    assert names == sorted(f"chck_{count}M" for count in due_at_all)
    for name in names:
        folder = paths.checkpoints / name
        facts = json.loads((folder / "checkpoint.json").read_text())
        due = int(name[5:-1]) * 100
        assert facts["words_seen"] == seen[facts["step"]]
        assert facts["words_seen"] >= due or (facts["words_seen"] == words >= 0.95 * due)
        assert facts["step"] == 1 or seen[facts["step"] - 1] < due
        assert AutoTokenizer.from_pretrained(folder).bos_token == "<s>"
    AutoModelForCausalLM.from_pretrained(paths.checkpoints / names[0])


def test_a_run_that_has_nearly_reached_the_next_entry_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Ten epochs over a cleaned text of the strict-small track are a little less than 100 million words."""
    assert [at_the_end(words) for words in (94_000_000, 95_000_000, 100_000_000)] == [[], [100], []]
    assert at_the_end(10**9) == []
    _, paths = tiny_run(tmp_path / "a")
    words = int(read_rows(paths.losses)[-1]["words_seen"])
    unit = words // 9 + 1  # nine of these "millions" are a little more than the run sees
    monkeypatch.setattr("babyllama.training.session.WordCheckpoints", partial(WordCheckpoints, unit=unit))
    capfd.readouterr()
    _, paths = tiny_run(tmp_path / "b", training={"word_checkpoints": True})
    assert f"(the run ends with {100 * words / (9 * unit):.1f} % of its words)" in capfd.readouterr().err
    last = paths.words_checkpoint(9)
    facts = json.loads((last / "checkpoint.json").read_text())
    assert facts["words_seen"] == words < 9 * unit
    weights = [(folder / "model.safetensors").read_bytes() for folder in (last, paths.final)]
    assert weights[0] == weights[1]


def test_losses_csv_is_cut_back_to_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    file = RowsFile(path)
    for step in (1, 2, 3, 4):
        file.append({"step": step, "epoch": step / 4, "train_loss": 1 / step, "learning_rate": 1e-4})
    with path.open("a") as handle:
        handle.write("5,1.25,12")
    RowsFile(path, resume_step=2).append({"step": 3, "epoch": 0.75})
    rows = read_rows(path)
    assert [row["step"] for row in rows] == ["1", "2", "3"]
    assert path.read_text().splitlines()[0] == ",".join(LOSS_COLUMNS)
    assert float(rows[1]["train_loss"]) == 0.5


def test_final_loads_in_both_spellings(run: RunPaths) -> None:
    config = json.loads((run.final / "config.json").read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 10000.0
    assert config["use_cache"] is True
    tokenizer = json.loads((run.final / "tokenizer_config.json").read_text())
    assert tokenizer["tokenizer_class"] == "PreTrainedTokenizerFast"


def test_the_systems_own_refusal_to_write_weights_is_one_error(tmp_path: Path) -> None:
    """No mock: past the limit on file sizes the system refuses, as a full disk does, and safetensors raises its own."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, before[1]))
    try:
        with pytest.raises(TrainingError, match="could not be written"):
            save_model_folder(tmp_path / "final", tiny_model("Llama"), tokenizer=None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (600_000, "sees about 600,000 words and the schedule begins at 1,000,000, so it saves none"),
        (1_000_000, "word checkpoints: 1, chck_1M to chck_1M"),
        (
            97_600_000,
            "chck_1M to chck_100M of about 97,600,000 words seen; the last model stands for chck_100M, with 97.6 % of it",
        ),
        (25_000_000, "word checkpoints: 11, chck_1M to chck_20M of about 25,000,000 words seen"),
    ],
)
def test_a_run_says_which_word_checkpoints_it_will_save(words: int, said: str) -> None:
    assert said in announcement(words)


def test_a_run_too_short_for_word_checkpoints_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_run(tmp_path, training={"word_checkpoints": True})
    assert "so it saves none; final/ is the only model" in capsys.readouterr().err
