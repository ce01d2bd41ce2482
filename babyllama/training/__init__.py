"""Configuration -> a trained model, through the Hugging Face Trainer.

Exported names are imported on first use, so that naming this room costs no torch import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from babyllama.training.checks import check_training
    from babyllama.training.hooks.interruption import TrainingInterrupted
    from babyllama.training.saving.checkpoints import newest_checkpoint
    from babyllama.training.session import train

__all__ = ["TrainingInterrupted", "check_training", "newest_checkpoint", "train"]

_HOMES = {
    "train": "session",
    "check_training": "checks",
    "newest_checkpoint": "saving.checkpoints",
    "TrainingInterrupted": "hooks.interruption",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
