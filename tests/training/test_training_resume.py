"""A run that is killed and resumed is, bit for bit, the run that was left alone."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from training_faults import record, run_jobs, weights
from training_world import tiny_model, tiny_run, tiny_tokenizer

from babyllama.runs import RunPaths, RunRecord
from babyllama.training.saving.checkpoints import checkpoints_by_step
from babyllama.training.saving.model_folder import save_model_folder

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SECTIONS = {
    # 40 blocks in steps of 8: 5 steps per epoch, 10 in all; checkpoints neither at epoch ends nor at log steps.
    "training": {"num_epochs": 2, "save_steps": 2, "eval_steps": 4, "logging_steps": 3, "warmup_steps": 3},
    "optimization": {"optimizer": "muon", "ema_decay": 0.9, "z_loss": 1e-4},
}
KILLS = (19, 45, 69)
"""Blocks read when the kill comes: in the middle of steps 3, 6 and 9."""


def assert_same_run(folder: Path, undisturbed: Path) -> None:
    assert record(folder) == record(undisturbed)
    assert weights(folder) == weights(undisturbed)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of all runs: undisturbed, killed and resumed, stopped and resumed; each child's exit code is checked."""
    root = tmp_path_factory.mktemp("runs")
    teacher = root / "teacher"
    save_model_folder(teacher, tiny_model("Llama", initializer_range=0.3), tiny_tokenizer())
    jobs: list[dict[str, Any]] = []
    expected: list[int] = []

    def job(name: str, code: int, *, precision: str = "fp32", save_steps: int = 2, **more: Any) -> None:
        training = {**SECTIONS["training"], "precision": precision, "save_steps": save_steps}
        jobs.append({"folder": str(root / name), "sections": {**SECTIONS, "training": training}, **more})
        expected.append(code)

    for precision in ("fp32", "bf16"):
        job(f"{precision}-alone", 0, precision=precision)
        for kill in KILLS:
            name = f"{precision}-killed-{kill}"
            job(name, -signal.SIGKILL, precision=precision, kill_at_block=kill)
            job(name, 0, precision=precision, resume="newest")
        # The masked share and the rate move over the run.
        hybrid = {"objective": "hybrid", "precision": precision, **SECTIONS["training"]}
        sections = {"training": hybrid, "objective": {"masked_share": 0.2, "masked_share_end": 0.8}}
        taught = {"training": {**hybrid, "objective": "distillation"}, "distillation": {"teachers": [str(teacher)]}}
        cached = {**taught, "distillation": {**taught["distillation"], "cache_teachers": True, "cache_count": 4}}
        for name, own in (("hybrid", sections), ("distillation", taught), ("cached", cached)):
            job(f"{precision}-{name}-alone", 0, sections=own)
            # The teachers of the cache read 40 blocks before that.
            job(f"{precision}-{name}-killed", -signal.SIGKILL, sections=own, kill_at_block=45 + 40 * (name == "cached"))
            job(f"{precision}-{name}-killed", 0, sections=own, resume="newest")
        job(f"{precision}-cached-twice-killed", -signal.SIGKILL, sections=cached, kill_at_block=20)
        job(f"{precision}-cached-twice-killed", -signal.SIGKILL, sections=cached, kill_at_block=85)
        job(f"{precision}-cached-twice-killed", 0, sections=cached, resume="newest")
    job("fp32-twice", -signal.SIGKILL, kill_at_block=30)
    job("fp32-twice", -signal.SIGKILL, kill_at_seal=3, resume="newest")
    job("fp32-twice", 0, resume="newest")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        job(f"fp32-{number.name}", 128 + number, signal_at_block=int(number))
        job(f"fp32-{number.name}", 0, resume="newest")
    for number in (1, 3):
        # The first is at step 4, the third and last at step 10, when training itself is over.
        job(f"fp32-evaluation-{number}", 128 + signal.SIGTERM, signal_at_evaluation=number)
        job(f"fp32-evaluation-{number}", 0, resume="newest")
    job("stopped", 128 + signal.SIGTERM, save_steps=1000, signal_at_block=int(signal.SIGTERM))
    assert run_jobs(*jobs) == expected
    return root


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_killed_and_resumed_equals_undisturbed(runs: Path, precision: str) -> None:
    alone = runs / f"{precision}-alone"
    assert [int(row["step"]) for row in record(alone)] == [1, 3, 4, 6, 8, 9, 10]
    for kill in KILLS:
        assert_same_run(runs / f"{precision}-killed-{kill}", alone)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    ("name", "column"), [("hybrid", "masked_loss"), ("distillation", "soft_loss"), ("cached", "soft_loss")]
)
def test_killed_and_resumed_equals_undisturbed_under_other_objectives(
    runs: Path, precision: str, name: str, column: str
) -> None:
    alone = runs / f"{precision}-{name}-alone"
    assert all(row[column] for row in record(alone))
    assert_same_run(runs / f"{precision}-{name}-killed", alone)
    if name == "cached":
        # The first kill came while the teachers read.
        assert_same_run(runs / f"{precision}-cached-twice-killed", alone)
        assert record(alone) != record(runs / f"{precision}-distillation-alone")


def test_precisions_differ(runs: Path) -> None:
    """Otherwise the bf16 half of this file would test fp32 twice."""
    assert weights(runs / "fp32-alone") != weights(runs / "bf16-alone")


def test_killed_again_while_a_checkpoint_is_written(runs: Path) -> None:
    assert_same_run(runs / "fp32-twice", runs / "fp32-alone")
    assert list((runs / "fp32-twice" / "tiny" / "checkpoints").glob(".tmp*")) == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "evaluation-1", "evaluation-3"])
def test_a_signal_saves_and_the_resumed_run_is_the_undisturbed_one(runs: Path, name: str) -> None:
    assert_same_run(runs / f"fp32-{name}", runs / "fp32-alone")


def test_a_stopped_run_has_the_checkpoint_of_the_step_it_was_in(runs: Path) -> None:
    # Block 25 belongs to step 4 of 8 blocks each.
    assert [step for step, _ in checkpoints_by_step(RunPaths(runs / "stopped" / "tiny").checkpoints)] == [4]


def test_resuming_reads_no_block_twice(tmp_path: Path) -> None:
    """Resume is immediate: only the blocks of the steps that are left are read."""
    from training_world import TinyBlocks, tiny_config

    from babyllama.training import train

    read: list[int] = []

    class Watched(TinyBlocks):
        def block(self, index: int, offset: int = 0, documents: int = 0) -> dict[str, Any]:
            read.append(index)
            return super().block(index, offset)

    tiny_run(tmp_path, training={"num_epochs": 1, "save_steps": 2, "save_total_limit": None})
    paths = RunPaths(tmp_path / "tiny")
    model = tiny_model(seed=9)
    train(
        tiny_config(tmp_path, training={"num_epochs": 1, "save_steps": 2}, model=model.tiny_keys),
        model=model,
        tokenizer=tiny_tokenizer(),
        train_dataset=Watched(),
        eval_dataset=None,
        paths=paths,
        resume=paths.checkpoints / "checkpoint-2",
        record=RunRecord.new("tiny"),
    )
    assert read == TinyBlocks().epoch_order(0, 42)[16:].tolist()
