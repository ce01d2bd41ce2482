"""The arithmetic of a run's steps: micro-batch x accumulation x devices. Loads no model library, so that plans are quick."""

from __future__ import annotations

import math
from dataclasses import dataclass

from babyllama.config import Config
from babyllama.errors import ConfigError


@dataclass(frozen=True)
class BatchPlan:
    """The arithmetic of one run's steps."""

    num_blocks: int
    seq_length: int
    micro_batch: int
    """Sequences per device in one forward pass."""
    accumulation: int
    """Micro-batches per optimizer step."""
    devices: int = 1

    @property
    def blocks_per_step(self) -> int:
        return self.micro_batch * self.accumulation * self.devices

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(self.num_blocks / self.blocks_per_step)

    @property
    def micro_batches_per_epoch(self) -> int:
        """Forward passes of each device in one epoch; the last step needs only as many as its blocks fill."""
        full_steps, left = divmod(self.num_blocks, self.blocks_per_step)
        return full_steps * self.accumulation + math.ceil(left / (self.micro_batch * self.devices))

    def total_steps(self, num_epochs: float, max_steps: int | None) -> int:
        """Optimizer steps of the run."""
        return max_steps if max_steps is not None else max(1, math.ceil(num_epochs * self.steps_per_epoch))

    def epochs(self, step: int) -> float:
        """Passes over the text after optimizer step `step`, to four places."""
        return round(step / self.steps_per_epoch, 4)

    def describe(self) -> str:
        """The product in words: 32 sequences x 4 accumulation x 1 device = 128 sequences = 16,384 tokens per step."""
        devices = f"{self.devices} device{'s' if self.devices > 1 else ''}"
        return (
            f"{self.micro_batch} sequences x {self.accumulation} accumulation x {devices} = "
            f"{self.blocks_per_step:,} sequences = {self.blocks_per_step * self.seq_length:,} tokens per step"
        )


def batch_plan(config: Config, *, num_blocks: int, devices: int, micro_batch: int | None = None) -> BatchPlan:
    """Micro-batch, accumulation and devices; `micro_batch` stands in for `batch_size: auto` once it is decided."""
    training = config.training
    size = micro_batch if micro_batch is not None else training.batch_size
    if size == "auto":
        raise ConfigError("training.batch_size = auto: the micro-batch has not been chosen yet.")
    accumulation = training.gradient_accumulation_steps
    if training.effective_batch_size is not None:
        accumulation, left = divmod(training.effective_batch_size, size * devices)
        if left or not accumulation:
            raise ConfigError(
                f"training.effective_batch_size = {training.effective_batch_size} is not a multiple of batch_size x "
                f"devices = {size} x {devices} = {size * devices}. Change one of them."
            )
    return BatchPlan(num_blocks, config.data.seq_length, size, accumulation, devices)
