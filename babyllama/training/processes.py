"""How many processes train together, as their launcher (torchrun, accelerate, SLURM) tells each of them."""

from __future__ import annotations

import os

import torch

from babyllama.config import Config
from babyllama.errors import ConfigError


def process_count() -> int:
    """Processes of the run, over all nodes."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def process_index() -> int:
    """Number of this process, from 0."""
    return int(os.environ.get("RANK") or 0)


def join_processes(device: torch.device) -> int:
    """Connect to the other processes, if a launcher started any; returns how many there are."""
    count = process_count()
    if count > 1:
        from accelerate import PartialState

        PartialState(cpu=device.type == "cpu", backend="gloo" if device.type == "cpu" else None)
    return count


def refuse_untested_sharding(config: Config) -> None:
    """Under FSDP each process holds a part of every matrix; what needs whole ones is refused until it is tested."""
    if os.environ.get("ACCELERATE_USE_FSDP", "false").lower() not in ("1", "true"):
        return
    keys = {
        "optimization.optimizer=muon": config.optimization.optimizer == "muon",
        "optimization.ema_decay": config.optimization.ema_decay is not None,
        "training.word_checkpoints": config.training.word_checkpoints,
        "training.keep_best": config.training.keep_best,
        "training.blimp_every_words": config.training.blimp_every_words is not None,
        "training.batch_size=auto": config.training.batch_size == "auto",
    }
    used = [key for key, on in keys.items() if on]
    if used:
        raise ConfigError(
            f"{', '.join(used)} cannot be used under FSDP yet. Models of this size fit on one GPU: use torchrun without "
            "FSDP (DistributedDataParallel), or switch these off."
        )
