"""What only a CUDA device can show: fp16 with loss scaling, checkpointing's memory, the probe for the micro-batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from training_world import FAMILY_NAMES, TinyBlocks, tiny_config, tiny_model, tiny_run, tiny_tokenizer

from babyllama.runs import RunPaths, RunRecord
from babyllama.runs.rows import read_rows
from babyllama.training import train

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def run(folder: Path, family: str = "Llama", **training: Any) -> tuple[list[float], Any]:
    result, paths = tiny_run(folder, model=tiny_model(family), training={"device": "cuda", **training})
    return [float(row["train_loss"]) for row in read_rows(paths.losses)], result


@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_two_hundred_steps_of_half_precision_with_checkpointing_follow_fp32(
    tmp_path: Path, family: str, precision: str
) -> None:
    common = {"num_epochs": 40, "save_steps": 1000}
    exact, _ = run(tmp_path / "fp32", family, precision="fp32", **common)
    half, result = run(tmp_path / "half", family, precision=precision, gradient_checkpointing=True, **common)
    assert result.precision == precision
    assert len(half) == 200
    # The first steps of fp16 may be skipped while the loss scale is found.
    assert half[-50:] == pytest.approx(exact[-50:], rel=0.01)


def test_gradient_checkpointing_takes_less_memory(tmp_path: Path) -> None:
    peaks = {}
    for on in (False, True):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        config = tiny_config(
            tmp_path / str(on),
            data={"seq_length": 64},
            training={"batch_size": 256, "max_steps": 2, "gradient_checkpointing": on, "device": "cuda"},
        )
        blocks = TinyBlocks(512, length=64)
        result = train(
            config, model=tiny_model(), tokenizer=tiny_tokenizer(), train_dataset=blocks, eval_dataset=None,
            paths=RunPaths(tmp_path / str(on)), record=RunRecord.new(config.model.name),
        )  # fmt: skip
        peaks[on] = result.peak_memory_bytes
    assert peaks[True] < peaks[False]


def test_auto_finds_a_micro_batch_by_trying(tmp_path: Path) -> None:
    auto = {"batch_size": "auto", "effective_batch_size": 8, "gradient_accumulation_steps": 1}
    _, result = run(tmp_path, **auto)
    assert result.micro_batch == 8


def test_compiled_half_precision_trains(tmp_path: Path) -> None:
    losses, result = run(tmp_path, torch_compile=True, precision="auto", num_epochs=10)
    assert result.compiled
    assert losses[-1] < losses[0] - 0.3
