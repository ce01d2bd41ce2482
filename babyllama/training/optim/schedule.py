"""Learning rate over the run, as a factor of the peak: warm-up from zero, then cosine, linear, constant or wsd."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from babyllama.config import Config


@dataclass(frozen=True)
class Schedule:
    """factor(step) for optimizer step 0, 1, ...; all parameter groups share it and differ in their peak."""

    kind: Literal["cosine", "linear", "constant", "wsd"]
    total_steps: int
    warmup_steps: int
    min_ratio: float = 0.0
    """Lowest factor after warm-up."""
    cooldown_fraction: float = 0.2
    """Part of the run over which wsd (warm-up, stable, decay) falls linearly."""

    @classmethod
    def from_config(cls, config: Config, total_steps: int) -> Schedule:
        """The schedule that `training.warmup_steps` and the `optimization` section describe."""
        section = config.optimization
        return cls(
            kind=section.schedule,
            total_steps=total_steps,
            warmup_steps=config.training.warmup_steps,
            min_ratio=section.min_lr_ratio,
            cooldown_fraction=section.cooldown_fraction,
        )

    def __call__(self, step: int) -> float:
        """Factor of the peak learning rate that optimizer step `step` (from 0) uses."""
        if step < self.warmup_steps:
            # From 1/warmup to 1, so that no step is spent at a learning rate of zero.
            return (step + 1) / self.warmup_steps
        left = max(1, self.total_steps - self.warmup_steps)
        progress = min(1.0, (step - self.warmup_steps) / left)
        if self.kind == "constant":
            return 1.0
        if self.kind == "linear":
            falling = 1 - progress
        elif self.kind == "cosine":
            falling = 0.5 * (1 + math.cos(math.pi * progress))
        else:
            cooldown = max(1, round(self.total_steps * self.cooldown_fraction))
            falling = min(1.0, max(0.0, (self.total_steps - step) / cooldown))
        return self.min_ratio + (1 - self.min_ratio) * falling

    def warning(self) -> str | None:
        """What is odd about the numbers, in one line."""
        if self.warmup_steps >= self.total_steps:
            return (
                f"training.warmup_steps = {self.warmup_steps} is not shorter than the run of {self.total_steps} steps: "
                "the learning rate never reaches its peak. Lower it, or train longer."
            )
        return None
