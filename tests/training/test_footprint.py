"""The memory that `--dry-run` states is counted on tensors without data: it must be what real tensors take."""

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_world import tiny_config

from babyllama.device import Precision
from babyllama.training import footprint
from babyllama.training.footprint import Footprint, LiveBytes, step_footprint
from babyllama.training.machine import Machine

pytestmark = pytest.mark.unit


def test_live_bytes_are_those_of_the_tensors_that_exist() -> None:
    with LiveBytes() as count:
        first = torch.zeros(100)
        view = first[:10]
        assert (count.live, count.peak) == (400, 400), "a view takes nothing"
        second = first + 1
        del first
        assert count.live == 800, "the view keeps its storage"
        del view
        assert (count.live, count.peak) == (400, 800)
        del second
        assert (count.live, count.peak, count.allocated) == (0, 800, 800)


def counted(
    folder: Path, family: str, *, layers: int, checkpointing: bool, accumulation: int, optimizer: str, precision: str
) -> Footprint:
    config = tiny_config(
        folder,
        model={"type": family, "hidden_size": 64, "n_layer": layers, "n_head": 4},
        data={"seq_length": 64},
        training={"gradient_checkpointing": checkpointing},
        optimization={"optimizer": optimizer},
    )
    machine = Machine(torch.device("cpu"), Precision(precision, ""))
    found = step_footprint(config, vocab_size=512, micro_batch=4, accumulation=accumulation, machine=machine)
    return replace(found, allocator=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "checkpointing", "optimizer", "precision"),
    [
        ("Llama", False, "adamw", "fp32"),
        ("Llama", False, "adamw", "bf16"),
        ("Llama", True, "muon", "fp32"),
        ("GPT2", False, "muon", "fp32"),
        ("GPTJ", True, "adamw", "fp32"),
    ],
)
def test_the_count_is_that_of_a_real_step(
    family: str, checkpointing: bool, optimizer: str, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"checkpointing": checkpointing, "accumulation": 3, "optimizer": optimizer, "precision": precision}
    without_data = counted(tmp_path, family, layers=6, **settings)
    monkeypatch.setattr(footprint, "FakeTensorMode", contextlib.nullcontext)
    # All layers, not the line through two and three.
    monkeypatch.setattr(footprint, "SHORT", (6, 7))
    real = counted(tmp_path, family, layers=6, **settings)
    assert without_data.weights == real.weights
    assert without_data.optimizer == pytest.approx(real.optimizer, rel=0.01)
    assert without_data.step == pytest.approx(real.step, rel=0.05)


def test_checkpointing_keeps_less_and_accumulation_keeps_gradients(tmp_path: Path) -> None:
    def step(checkpointing: bool, accumulation: int) -> int:
        return counted(
            tmp_path,
            "Llama",
            layers=8,
            checkpointing=checkpointing,
            accumulation=accumulation,
            optimizer="adamw",
            precision="fp32",
        ).step

    assert step(True, 1) < step(False, 1) < step(False, 2)
