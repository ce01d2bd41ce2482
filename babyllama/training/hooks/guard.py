"""Stops a run whose loss is no longer a number, before the damage reaches a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch

from babyllama.errors import TrainingError
from babyllama.training.saving.checkpoints import checkpoints_by_step


class LossGuard:
    """Collects each step's loss and looks at it.

    On a GPU, looking at the step that is being computed would make the program wait for it, so the step before is
    looked at; before a row, an evaluation or a checkpoint the current one is.
    """

    def __init__(
        self, checkpoints: Path, *, learning_rate: Callable[[int], float], immediate: bool, fp16: bool
    ) -> None:
        """`learning_rate(step)` is the peak groups' rate in optimizer step `step`, counted from 1."""
        self._checkpoints, self._learning_rate = checkpoints, learning_rate
        self._immediate, self._fp16 = immediate, fp16
        self.gradient_norm: torch.Tensor | float | None = None
        self._loss: torch.Tensor | None = None
        self._waiting: tuple[int, torch.Tensor | None, torch.Tensor | float | None] | None = None

    def add(self, loss: torch.Tensor) -> None:
        """One micro-batch's part of the current step's loss."""
        self._loss = loss if self._loss is None else self._loss + loss

    def step(self, step: int, *, now: bool) -> None:
        """The step has been taken; raises TrainingError when a finished step was not finite."""
        if self._waiting is not None:
            self._check(*self._waiting)
        self._waiting = (step, self._loss, self.gradient_norm)
        self._loss = None
        if now or self._immediate:
            self.check_now()

    def check_now(self) -> None:
        """Look at the current step too."""
        if self._waiting is not None:
            self._check(*self._waiting)
            self._waiting = None

    def check_scale(self, step: int, scale: float) -> None:
        """fp16 halves its loss scale at every overflow; below 1 no step has fitted for a long time."""
        if scale < 1:
            raise TrainingError(
                f"fp16 overflows at every step (loss scale {scale:g} at step {step}). Use training.precision=bf16 or "
                f"fp32, or a lower training.lr. {self._way_back()}"
            )

    def _check(self, step: int, loss: torch.Tensor | None, norm: torch.Tensor | float | None) -> None:
        value = float(loss) if loss is not None else 0.0
        length = float(norm) if norm is not None else 0.0
        # Under fp16 an overflowing gradient is part of the bargain: the step is skipped and the scale halved.
        if math.isfinite(value) and (self._fp16 or math.isfinite(length)):
            return
        shown = f"{length:.4g}" if norm is not None else "not measured (optimization.max_grad_norm is 0)"
        raise TrainingError(
            f"the loss of step {step} is {value} (learning rate {self._learning_rate(step):.3g}, gradient norm {shown}). "
            f"{self._way_back()} Often a lower training.lr, more warmup_steps or optimization.max_grad_norm=1.0 helps."
        )

    def _way_back(self) -> str:
        whole = checkpoints_by_step(self._checkpoints)
        if not whole:
            return "No checkpoint had been saved yet (training.save_steps)."
        return f"The last good checkpoint is {whole[-1][1]}: continue from it with --resume_from_checkpoint."
