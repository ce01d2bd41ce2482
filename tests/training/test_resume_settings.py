"""Resuming: a checkpoint of another run is refused naming the difference; under --force the new configuration counts."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from training_world import tiny_config, tiny_run

from babyllama.config import OptimizationSection, TrainingSection
from babyllama.errors import CheckpointError
from babyllama.runs import RunPaths
from babyllama.runs.rows import read_numbers
from babyllama.training.optim.schedule import Schedule

pytestmark = [pytest.mark.integration, pytest.mark.slow]

BASE: dict[str, dict[str, Any]] = {
    "training": {"num_epochs": 2, "save_steps": 4, "save_total_limit": None, "warmup_steps": 2, "lr": 3e-3},
    "optimization": {"optimizer": "muon", "schedule": "cosine", "weight_decay": 0.1},
}
"""10 steps; the checkpoint that is gone on from is that of step 4."""

CHANGED: dict[str, Any] = {
    "training.lr": 1e-3,
    "training.batch_size": 2,
    "training.effective_batch_size": 4,
    "training.num_epochs": 3,
    "training.max_steps": 12,
    "training.gradient_accumulation_steps": 1,
    "training.warmup_steps": 8,
    "training.precision": "fp32",
    "training.fp16": True,
    "training.bf16": True,
    "training.gradient_checkpointing": True,
    "training.dataloader_num_workers": 1,
    "training.save_steps": 3,
    "training.save_total_limit": 1,
    "training.eval_steps": 3,
    "training.logging_steps": 2,
    "training.seed": 7,
    "training.device": "cpu",
    "training.threads": 1,
    "training.word_checkpoints": True,
    "training.keep_best": True,
    "optimization.muon_lr": 0.005,
    "optimization.muon_momentum": 0.8,
    "optimization.schedule": "linear",
    "optimization.cooldown_fraction": 0.7,
    "optimization.min_lr_ratio": 0.3,
    "optimization.weight_decay": 0.7,
    "optimization.adam_beta1": 0.7,
    "optimization.adam_beta2": 0.9,
    "optimization.adam_epsilon": 1e-6,
    "optimization.max_grad_norm": 0.1,
    "optimization.label_smoothing": 0.2,
    "optimization.z_loss": 1e-3,
    "optimization.ema_decay": 0.8,
}
REFUSED = {"optimization.optimizer": "adamw"}
"""Its state is of another kind, so there is nothing to go on from."""
ELSEWHERE = {"training.torch_compile", "training.blimp_every_words", "training.objective"}
"""Need a compiler, minimal pairs or an objective's own settings; they are tested where those are."""


def test_every_key_that_may_change_is_here() -> None:
    """A new key of these sections must be thought about."""
    keys = {
        f"{section}.{name}"
        for section, kind in (("training", TrainingSection), ("optimization", OptimizationSection))
        for name in kind.model_fields
    }
    assert keys - ELSEWHERE == {*CHANGED, *REFUSED}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("begun")
    tiny_run(folder, **BASE)
    return folder


def sections_with(key: str, value: Any) -> dict[str, dict[str, Any]]:
    section, name = key.split(".")
    return {**BASE, section: {**BASE[section], name: value}}


def resumed(begun: Path, folder: Path, key: str, value: Any, **options: Any) -> RunPaths:
    shutil.copytree(begun, folder)
    checkpoint = RunPaths(folder / "tiny").checkpoint(4)
    _, paths = tiny_run(folder, resume=checkpoint, **options, **sections_with(key, value))
    return paths


@pytest.mark.parametrize("key", sorted(CHANGED))
def test_after_a_forced_resume_the_new_configuration_counts(begun: Path, tmp_path: Path, key: str) -> None:
    """The rate of each step, the hyper-parameters of each group and the number of steps are the new configuration's."""
    sections = sections_with(key, CHANGED[key])
    paths = resumed(begun, tmp_path / "run", key, CHANGED[key], force=True)
    config = tiny_config(tmp_path, **sections)
    training, section = config.training, config.optimization
    per_step = training.effective_batch_size or training.batch_size * training.gradient_accumulation_steps
    total = training.max_steps or round(training.num_epochs * 40 / per_step)
    rows = read_numbers(paths.losses)
    assert rows[-1]["step"] == total
    schedule = Schedule.from_config(config, total)
    for row in rows:
        step = int(row["step"] or 0)
        if step > 4:
            assert row["learning_rate"] == pytest.approx(training.lr * schedule(step - 1), rel=1e-5), step
    saved = torch.load(paths.checkpoint(total) / "optimizer.pt", weights_only=True)
    muon, adamw = saved["parts"]
    groups = [*muon["param_groups"], *adamw["param_groups"]]
    assert [group["weight_decay"] for group in groups] == [section.weight_decay, section.weight_decay, 0.0]
    assert muon["param_groups"][0]["momentum"] == section.muon_momentum
    assert [group["initial_lr"] for group in groups] == [section.muon_lr, training.lr, training.lr]
    for group in adamw["param_groups"]:
        assert tuple(group["betas"]) == (section.adam_beta1, section.adam_beta2)
        assert group["eps"] == section.adam_epsilon


@pytest.mark.parametrize(
    ("key", "value"), [("training.lr", 1e-3), ("training.seed", 7), ("optimization.weight_decay", 0.5)]
)
def test_a_checkpoint_made_otherwise_is_refused_naming_the_difference(
    begun: Path, tmp_path: Path, key: str, value: Any
) -> None:
    with pytest.raises(CheckpointError, match=rf"was made otherwise than this run.*\n  {key}: .* -> {value}"):
        resumed(begun, tmp_path / "run", key, value)


def test_force_says_what_is_gone_on_from(begun: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    resumed(begun, tmp_path / "run", "training.seed", 7, force=True)
    assert "training.seed: 42 -> 7" in capsys.readouterr().err


@pytest.mark.parametrize(("key", "value"), REFUSED.items())
def test_another_optimizer_has_nothing_to_go_on_from(begun: Path, tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(CheckpointError, match="state of another optimizer"):
        resumed(begun, tmp_path / "run", key, value, force=True)


def test_a_checkpoint_of_other_text_is_refused(begun: Path, tmp_path: Path) -> None:
    from babyllama.runs import RunRecord
    from babyllama.training.saving.checkpoints import MadeWith, check_made_with

    config = tiny_config(tmp_path, **BASE)
    record = RunRecord.new("tiny", fingerprints={"train": "sha256:" + "b" * 64, "tokenizer": "sha256:" + "c" * 64})
    checkpoint = RunPaths(begun / "tiny").checkpoint(4)
    with pytest.raises(CheckpointError, match=r"tokenizer: None -> 'sha256:c+'\n  train text: None -> 'sha256:b+'"):
        check_made_with(checkpoint, MadeWith.of(config, record), force=False)


@pytest.mark.parametrize(
    "name", ["optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", "babyllama_state.json"]
)
def test_a_checkpoint_without_a_part_is_damaged_even_if_its_manifest_agrees(
    begun: Path, tmp_path: Path, name: str
) -> None:
    from dataclasses import replace

    from babyllama.artifacts import Manifest

    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    checkpoint = RunPaths(tmp_path / "tiny").checkpoint(4)
    (checkpoint / name).unlink()
    manifest = Manifest.read(checkpoint)
    assert manifest is not None
    replace(manifest, files={key: facts for key, facts in manifest.files.items() if key != name}).write(checkpoint)
    with pytest.raises(CheckpointError, match=r"is damaged: .* is missing"):
        tiny_run(tmp_path, resume=checkpoint, **BASE)


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_a_pickle_that_would_run_code_ends_in_one_line(
    begun: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import os
    import pickle
    from dataclasses import replace

    from babyllama.artifacts import Manifest, file_facts

    class Evil:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    checkpoint = RunPaths(tmp_path / "tiny").checkpoint(4)
    (checkpoint / name).write_bytes(pickle.dumps(Evil()))
    manifest = Manifest.read(checkpoint)
    assert manifest is not None
    replace(manifest, files=file_facts(checkpoint)).write(checkpoint)
    with pytest.raises(CheckpointError, match="state cannot be read"):
        tiny_run(tmp_path, resume=checkpoint, **BASE)
    assert not (tmp_path / "ran").exists()


def test_an_average_that_was_not_kept_before_begins_with_the_weights_of_the_checkpoint(
    begun: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file
    from training_world import tiny_model

    from babyllama.training.optim.average import WeightAverage

    checkpoint = RunPaths(begun / "tiny").checkpoint(4)
    average = WeightAverage(tiny_model(seed=5), 0.9)
    average.load(checkpoint)
    average.save(tmp_path)
    weights = load_file(checkpoint / "model.safetensors")
    for name, tensor in load_file(tmp_path / "ema.safetensors").items():
        assert torch.equal(tensor, weights[name]), name
