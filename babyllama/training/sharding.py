"""What cannot be used yet when the model is sharded over processes."""

from __future__ import annotations

import os

from babyllama.config import Config
from babyllama.errors import ConfigError


def refuse_untested_sharding(config: Config) -> None:
    """Under FSDP each process holds a part of every matrix; what needs whole ones is refused until it is tested."""
    if os.environ.get("ACCELERATE_USE_FSDP", "false").lower() not in ("1", "true"):
        return
    keys = {
        "optimization.optimizer=muon": config.optimization.optimizer == "muon",
        "optimization.ema_decay": config.optimization.ema_decay is not None,
        "training.word_checkpoints": config.training.word_checkpoints,
        "training.keep_best": config.training.keep_best,
        "evaluation.curve_tasks": bool(config.curves),
        "training.batch_size=auto": config.training.batch_size == "auto",
    }
    used = [key for key, on in keys.items() if on]
    if used:
        raise ConfigError(
            f"{', '.join(used)} cannot be used under FSDP yet. Models of this size fit on one GPU: use torchrun without "
            "FSDP (DistributedDataParallel), or switch these off."
        )
