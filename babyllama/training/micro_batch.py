"""`training.batch_size: auto`: the largest micro-batch that fits and divides the effective batch."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch

from babyllama.config import Config
from babyllama.errors import ConfigError, TrainingError
from babyllama.training.machine import Machine
from babyllama.training.objectives.base import Objective

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_CPU_TOKENS = 8192
"""A CPU gains nothing from more tokens per forward pass than keep its cores busy."""
_FREE_SHARE = 0.9
"""Part of the free GPU memory that a probe may take: allocators fragment and evaluations come on top."""


def candidates(effective: int, devices: int) -> list[int]:
    """Micro-batches that share `effective` sequences evenly over `devices` and whole accumulation steps, largest first."""
    if effective % devices:
        raise ConfigError(
            f"training.effective_batch_size = {effective} cannot be shared by {devices} devices evenly; "
            f"use a multiple of {devices}."
        )
    share = effective // devices
    return [size for size in range(share, 0, -1) if share % size == 0]


def sizes(config: Config, devices: int) -> list[int]:
    """What `training.batch_size: auto` may choose from, largest first; ConfigError when there is nothing to divide."""
    effective = config.training.effective_batch_size
    if effective is None:
        raise ConfigError("training.batch_size = auto needs training.effective_batch_size, which it then divides.")
    return candidates(effective, devices)


def smaller(size: int, effective: int, devices: int) -> int | None:
    """The next smaller candidate, None below one sequence."""
    return next((candidate for candidate in candidates(effective, devices) if candidate < size), None)


def largest_that_fits(sizes: list[int], fits: Callable[[int], bool]) -> int:
    """The first of `sizes` (falling) for which `fits`; TrainingError when not even one sequence does."""
    for size in sizes:
        if fits(size):
            return size
    raise TrainingError(
        "training.batch_size = auto: not even one sequence fits into memory. Use a smaller model, a shorter "
        "data.seq_length or training.gradient_checkpointing=true."
    )


def choose(model: PreTrainedModel, config: Config, objective: Objective, machine: Machine) -> int:
    """The micro-batch for this machine; on a GPU by trying, on a CPU by the memory that is free.

    `model` must be under `training_network`. Weights and random state are as before afterwards.
    """
    length = config.data.seq_length
    device, devices = machine.device, machine.devices
    possible = sizes(config, devices)
    if device.type != "cuda":
        room = _available_memory() // 2
        per_sequence = _activation_bytes(model, length)
        possible = [size for size in possible if size * length <= _CPU_TOKENS] or [1]
        return largest_that_fits(possible, lambda size: size * per_sequence <= room or size == 1)
    model.to(device)
    with torch.random.fork_rng(devices=[device]):
        chosen = largest_that_fits(possible, lambda size: _runs(model, objective, size, length, machine))
    if devices > 1 and torch.distributed.is_initialized():
        smallest = torch.tensor([chosen], device=device)
        torch.distributed.all_reduce(smallest, op=torch.distributed.ReduceOp.MIN)
        chosen = int(smallest)
    return chosen


def _runs(model: PreTrainedModel, objective: Objective, size: int, length: int, machine: Machine) -> bool:
    """Does one forward and backward pass of `size` sequences fit beside gradients and optimizer state?"""
    device = machine.device
    free, _ = torch.cuda.mem_get_info(device)
    # Two fp32 moments per weight come with the first optimizer step.
    state = 8 * sum(parameter.numel() for parameter in model.parameters())
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    kind = machine.autocast_dtype
    model.train()
    try:
        with torch.autocast("cuda", dtype=kind, enabled=kind is not None):
            batch = objective.example(size, length, model.config.vocab_size, device)
            model(**batch)["objective"].backward()
        used = torch.cuda.max_memory_allocated(device) - before
        return used + state <= _FREE_SHARE * free
    except torch.OutOfMemoryError:
        return False
    finally:
        model.zero_grad(set_to_none=True)
        gc.collect()
        torch.cuda.empty_cache()


def _activation_bytes(model: PreTrainedModel, length: int) -> int:
    """fp32 bytes that one sequence's activations take, roughly: 34 D per token and layer (Korthikanti et al. 2022)."""
    config = model.config.get_text_config()
    return 34 * config.hidden_size * config.num_hidden_layers * length * 4


def _available_memory() -> int:
    return min(_bytes_available())


def _bytes_available() -> Iterator[int]:
    """What the system and the container leave for this process."""
    if hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        yield os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as limit:
            yield int(limit.read())
    except (OSError, ValueError):
        # No container limit, or "max".
        yield 1 << 62
