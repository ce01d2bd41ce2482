"""torch.compile, where it pays: the model's blocks and the loss, each compiled once and used in every layer."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import torch

from babyllama import console
from babyllama.config import Config
from babyllama.text import duration
from babyllama.training.data.batch_plan import BatchPlan
from babyllama.training.machine import Machine
from babyllama.training.objectives.base import Objective

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_COST_SECONDS = {"cpu": 60.0, "cuda": 45.0}
"""Usual compile time of one block and the loss, forward and backward."""
_GAIN = 0.2
"""Part of the time that compiling usually saves."""


def missing_compiler(device: torch.device) -> str | None:
    """Why nothing can be compiled for `device` here; None when it can."""
    if device.type == "cpu" and not (os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")):
        return "torch.compile on a CPU needs a C++ compiler (g++ or clang++), and there is none"
    if device.type == "mps":
        return "torch.compile for training on MPS is not mature"
    return None


def should_compile(
    model: PreTrainedModel, config: Config, objective: Objective, plan: BatchPlan, machine: Machine, total_steps: int
) -> bool:
    """Whether to compile: as configured, or for `auto` when the run is long enough to pay the compile time back."""
    asked, device = config.training.torch_compile, machine.device
    if asked is False:
        return False
    reason = missing_compiler(device)
    if reason is not None:
        if asked is True:
            console.warn(f"training.torch_compile is on, but {reason}: training without it")
        return False
    if asked is True:
        return True
    step = micro_batch_seconds(model, objective, plan, machine) * plan.accumulation
    saved, cost = _GAIN * step * total_steps, _COST_SECONDS.get(device.type, 60.0)
    compiles = saved > 2 * cost
    console.say(
        f"torch_compile auto: {'on' if compiles else 'off'} (about {duration(saved)} to gain in a run of "
        f"{duration(step * total_steps)}, {duration(cost)} to compile)"
    )
    return compiles


def micro_batch_seconds(model: PreTrainedModel, objective: Objective, plan: BatchPlan, machine: Machine) -> float:
    """Seconds of one forward and backward pass, after one to warm up; weights and random state stay as they are."""
    device, dtype = machine.device, machine.autocast_dtype
    model.to(device)
    seconds = 0.0
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        batch = objective.example(plan.micro_batch, plan.seq_length, model.config.vocab_size, device)
        for _ in range(2):
            began = time.perf_counter()
            with torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
                loss = model(**batch)["objective"]
            loss.backward()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds = time.perf_counter() - began
    model.zero_grad(set_to_none=True)
    return seconds


def compile_blocks(model: PreTrainedModel) -> None:
    """Compile each transformer block in place. All blocks share one graph, so the cost does not grow with depth."""
    # Full and last micro-batch, with and without mask, training and evaluation: more kinds than the default of 8 allows.
    torch._dynamo.config.recompile_limit = max(32, torch._dynamo.config.recompile_limit)
    for block in transformer_blocks(model):
        block.compile()


def transformer_blocks(model: PreTrainedModel) -> list[torch.nn.Module]:
    """The repeated blocks of a causal model: its longest ModuleList."""
    lists = [list(module) for module in model.modules() if isinstance(module, torch.nn.ModuleList)]
    return max(lists, key=len, default=[])
