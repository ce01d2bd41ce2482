"""Exponential moving average of the weights (`optimization.ema_decay`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from babyllama import console
from babyllama.errors import CheckpointError

_FILE = "ema.safetensors"


class WeightAverage:
    """fp32 average of a model's trainable weights; evaluated and shipped instead of the last weights."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._weights = {name: p.detach().float().clone() for name, p in _trainable(model)}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after optimizer step `step` (from 1); early on the average is shorter than `decay` says."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, parameter in _trainable(model):
            self._weights[name].lerp_(parameter.detach().float(), 1 - decay)

    @contextlib.contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Within the block `model` has the averaged weights."""
        kept: dict[str, Tensor] = {name: p.detach().clone() for name, p in _trainable(model)}
        self._copy_into(model, self._weights)
        try:
            yield
        finally:
            self._copy_into(model, kept)

    def save(self, folder: Path) -> None:
        """Write the average into a checkpoint."""
        from safetensors.torch import save_file

        save_file({name: tensor.cpu().contiguous() for name, tensor in self._weights.items()}, folder / _FILE)

    def load(self, folder: Path) -> None:
        """Read the average of a checkpoint; of one that was made without, the average begins with its weights."""
        from safetensors.torch import load_file

        files = [folder / _FILE]
        if not files[0].is_file():
            console.warn(f"{folder} was made without optimization.ema_decay: the average begins with its weights")
            files = sorted(folder.glob("model*.safetensors"))
        try:
            saved = {name: tensor for file in files for name, tensor in load_file(file).items()}
        except (OSError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(f"checkpoint {folder}: its averaged weights cannot be read ({error}).") from error
        for name, tensor in self._weights.items():
            tensor.copy_(saved[name])

    @staticmethod
    @torch.no_grad()
    def _copy_into(model: nn.Module, weights: dict[str, Tensor]) -> None:
        for name, parameter in _trainable(model):
            parameter.copy_(weights[name])


def _trainable(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad)
