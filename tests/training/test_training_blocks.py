"""What a training step is made of: every part is found, counted, and timed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from babyllama.architectures import build_model
from babyllama.cli import main
from babyllama.config import tables
from babyllama.settings import config_from_values
from babyllama.training.blocks import FAMILIES, PARTS, measure_step
from babyllama.training.machine import Machine
from babyllama.training.throughput import flops_per_token

pytestmark = pytest.mark.integration

SIZES = {
    "data": {"seq_length": 16},
    "model": {"type": "Llama", "hidden_size": 32, "n_layer": 3, "n_head": 2, "name": "tiny"},
    "training": {"batch_size": 4, "precision": "fp32", "device": "cpu"},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_part_of_a_family_is_found_and_its_products_are_those_of_the_formula(family: str) -> None:
    config = config_from_values({**SIZES, "model": {**SIZES["model"], "type": family}})
    step = measure_step(config, vocab_size=64, machine=Machine.find(config.training), seconds=0.0)
    parts = {part.name: part for part in step.parts}
    assert set(parts) == set(PARTS) - ({"positions"} if family == "GPTJ" else set())
    assert parts["attention"].count == parts["feed-forward"].count == 3
    assert parts["norms"].count == (4 if family == "GPTJ" else 7)
    assert parts["feed-forward"].kind == ("SwiGLU" if family in ("Llama", "Qwen3") else "GELU")
    assert parts["norms"].kind == ("RMSNorm" if family in ("Llama", "Qwen3") else "LayerNorm")
    model = build_model(config.model, vocab_size=64, seq_length=16)
    counted = sum(part.flops for part in step.parts)
    assert counted == pytest.approx(64 * flops_per_token(model, 16), rel=0.02)
    assert all(part.forward > 0 and part.bytes > 0 for part in step.parts)
    assert step.seconds > 0
    assert step.rest >= 0


def test_an_equal_amount_of_work_is_counted_for_any_number_of_layers() -> None:
    def flops(layers: int) -> int:
        config = config_from_values({**SIZES, "model": {**SIZES["model"], "n_layer": layers}})
        step = measure_step(config, vocab_size=64, machine=Machine.find(config.training), seconds=0.0)
        return next(part.flops for part in step.parts if part.name == "attention")

    assert flops(4) == 2 * flops(2)


def test_blocks_gives_a_table_a_file_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "small.yaml").write_text(json.dumps(SIZES))
    output = tmp_path / "blocks.json"
    command = ["benchmark", "blocks", "--config", str(tmp_path / "small.yaml"), "--families", "Llama,GPT2"]
    threads = torch.get_num_threads()
    try:
        assert main([*command, "--output", str(output), "--device", "cpu"]) == 0
    finally:
        torch.set_num_threads(threads)
    printed = capsys.readouterr().out
    assert "SwiGLU" in printed
    assert "GELU" in printed
    assert [step["family"] for step in json.loads(output.read_text())["steps"]] == ["Llama", "GPT2"]
    assert output.with_suffix(".png").stat().st_size > 1000
    assert main(["benchmark", "blocks", "--families", "Lama"]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_dropout_that_nobody_set_is_not_what_is_measured() -> None:
    """GPT-2 has 0.1 by default, Llama none."""
    from babyllama.cli.block_tables import _sizes_of

    known = tables.FAMILIES.get("GPT2").optional_keys
    assert _sizes_of({"hidden_size": 8, "attn_pdrop": 0.2}, "GPT2", known) == {
        "hidden_size": 8, "type": "GPT2", "attn_pdrop": 0.2, "resid_pdrop": 0.0, "embd_pdrop": 0.0,
    }  # fmt: skip
