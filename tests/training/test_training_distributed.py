"""Two processes (gloo) train as one does: same data in the same steps, same losses, one writer, one decision to stop."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from training_world import TinyBlocks, tiny_config, tiny_model, tiny_tokenizer

from babyllama.artifacts import read_json
from babyllama.device import has_fast_bf16
from babyllama.runs import RunPaths, RunRecord
from babyllama.runs.rows import read_rows
from babyllama.training import train
from babyllama.training.data.batch_plan import BatchPlan
from babyllama.training.data.batches import EpochBatches
from babyllama.training.saving.model_folder import save_model_folder

BLOCKS = 37
"""In steps of 12: three full ones and one of a single block, for which the second process has nothing to do."""
SECTIONS = {"training": {"batch_size": 3, "gradient_accumulation_steps": 2, "num_epochs": 2, "save_steps": 3}}

HYBRID: dict[str, dict[str, Any]] = {
    "training": {**SECTIONS["training"], "objective": "hybrid"},
    "objective": {"masked_share": 0.4},
}


def distillation(teacher: Path, **keys: Any) -> dict[str, dict[str, Any]]:
    training = {**SECTIONS["training"], "objective": "distillation"}
    return {"training": training, "distillation": {"teachers": [str(teacher)], "alpha": 0.3, **keys}}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of two processes; the exit codes of all jobs lie in codes.json."""
    root = tmp_path_factory.mktemp("two")
    save_model_folder(root / "teacher", tiny_model("GPT2", initializer_range=0.3).eval(), tiny_tokenizer())
    common = {"family": "Llama", "dropout": 0.0, "blocks": BLOCKS, "sections": SECTIONS}
    muon = {**SECTIONS, "optimization": {"optimizer": "muon", "ema_decay": 0.5}}
    # 40 blocks: CountingBlocks' own number. A row is the mean of several steps, and the signal falls in between.
    rare = {**common, "blocks": 40, "dropout": 0.1}
    rare["sections"] = {"training": {**SECTIONS["training"], "logging_steps": 7}}
    jobs: list[dict[str, Any]] = [
        {**common, "folder": str(root / "plain")},
        {**common, "folder": str(root / "muon"), "sections": muon},
        {**common, "folder": str(root / "hybrid"), "sections": HYBRID},
        {**common, "folder": str(root / "distillation"), "sections": distillation(root / "teacher")},
        {**common, "folder": str(root / "cached"), "sections": distillation(root / "teacher", cache_teachers=True)},
        {**rare, "folder": str(root / "whole")},
        {**rare, "folder": str(root / "stopped"), "signal_at_block": 15, "only_rank": 1},
        {**rare, "folder": str(root / "stopped"), "resume": "newest"},
    ]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={port}",
         str(here / "training_two.py"), *map(json.dumps, jobs)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(here), str(here.parent), str(here.parent.parent)])},
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # The processes share one pipe, and the end of a line may come after the other's text.
    said = [json.loads(found) for found in re.findall(r"\[[^\]]*\]", done.stdout)]
    assert len(said) == 2 * len(jobs), done.stdout
    (root / "codes.json").write_text(json.dumps(said))
    (root / "stderr.txt").write_text(done.stderr)
    return root


def one_process(folder: Path, **sections: dict[str, Any]) -> RunPaths:
    """The same sequences per step in one process: 6 x 2 instead of 3 x 2 x 2."""
    sections = {**sections, "training": {**SECTIONS["training"], **sections.get("training", {}), "batch_size": 6}}
    paths = RunPaths(folder / "tiny")
    train(
        tiny_config(folder, **sections),
        model=tiny_model("Llama"),
        tokenizer=tiny_tokenizer(),
        train_dataset=TinyBlocks(BLOCKS, offsets=not sections.get("distillation", {}).get("cache_teachers")),
        eval_dataset=TinyBlocks(6, seed=1),
        paths=paths,
        resume=None,
        record=RunRecord.new("tiny"),
    )
    return paths


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sections"),
    [
        ("plain", {}),
        ("muon", {"optimization": {"optimizer": "muon", "ema_decay": 0.5}}),
        ("hybrid", HYBRID),
        ("distillation", {}),
        ("cached", {"distillation": {"cache_teachers": True}}),
    ],
)
def test_losses_and_weights_are_those_of_one_process(
    two: Path, tmp_path: Path, name: str, sections: dict[str, Any]
) -> None:
    if name in ("distillation", "cached"):
        sections = distillation(two / "teacher", **sections.get("distillation", {}))
    alone, pair = one_process(tmp_path, **sections), RunPaths(two / name / "tiny")
    # Sums in another order differ in the last digit; where Muon works in bf16, its rounding makes more of that.
    rounded = name == "muon" and has_fast_bf16(torch.device("cpu"))
    loss_noise, weight_noise = (1e-3, 2e-2) if rounded else (1e-5, 1e-4)
    ours, theirs = read_rows(alone.losses), read_rows(pair.losses)
    assert [row["step"] for row in theirs] == [str(step) for step in range(1, 9)]
    for one, other in zip(ours, theirs, strict=True):
        assert (one["tokens_seen"], one["words_seen"]) == (other["tokens_seen"], other["words_seen"])
        for column in {"train_loss", "causal_loss", "masked_loss", "soft_loss"} & set(one):
            # A step of one block has rows of one kind alone.
            assert one[column] == other[column] == "" or float(one[column]) == pytest.approx(
                float(other[column]), abs=loss_noise
            )
        assert one["eval_loss"] == other["eval_loss"] == "" or float(one["eval_loss"]) == pytest.approx(
            float(other["eval_loss"]), abs=loss_noise
        )
    weights, same = load_file(alone.final / "model.safetensors"), load_file(pair.final / "model.safetensors")
    assert max(float((weights[key] - same[key]).abs().max()) for key in weights) < weight_noise
    assert read_json(pair.metrics)["devices"] == 2


@pytest.mark.integration
@pytest.mark.slow
def test_a_signal_to_one_process_stops_both_after_the_same_step(two: Path) -> None:
    codes = [code for _, name, code in json.loads((two / "codes.json").read_text()) if name == "stopped"]
    assert sorted(codes) == [0, 0, 143, 143]
    whole, stopped = (read_rows(RunPaths(two / name / "tiny").losses) for name in ("whole", "stopped"))
    for one, other in zip(whole, stopped, strict=True):
        one.pop("tokens_per_second"), other.pop("tokens_per_second")
        assert one == other


@pytest.mark.unit
@pytest.mark.parametrize("blocks", [36, 37, 40, 47, 5])
def test_every_step_holds_the_same_blocks_however_the_work_is_shared(blocks: int) -> None:
    data = TinyBlocks(blocks)
    reference = data.epoch_order(3, 1).tolist()
    for micro, accumulation, devices in ((12, 1, 1), (3, 4, 1), (3, 2, 2), (2, 2, 3), (1, 3, 4)):
        plan = BatchPlan(blocks, 16, micro, accumulation, devices)
        assert plan.blocks_per_step == 12
        samplers = [EpochBatches(data, plan, 1, rank) for rank in range(devices)]
        for sampler in samplers:
            sampler.set_epoch(3)
        batches = [list(sampler) for sampler in samplers]
        assert {len(mine) for mine in batches} == {plan.micro_batches_per_epoch}
        assert all(len(batch) <= micro for mine in batches for batch in mine)
        for step in range(plan.steps_per_epoch):
            span = slice(step * accumulation, (step + 1) * accumulation)
            read = [index for mine in batches for batch in mine[span] for key in batch if (index := key.block) >= 0]
            assert sorted(read) == sorted(reference[step * 12 : (step + 1) * 12])
