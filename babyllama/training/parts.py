"""The objects of one run that the Trainer and its callbacks share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from babyllama.config import Config
from babyllama.training.average import WeightAverage
from babyllama.training.batch_plan import BatchPlan
from babyllama.training.batches import Blocks
from babyllama.training.checkpoints import MadeWith
from babyllama.training.guards import LossGuard
from babyllama.training.interruption import Interruption
from babyllama.training.recorder import Recorder
from babyllama.training.schedule import Schedule
from babyllama.training.state import Clock, RunState


@dataclass
class RunParts:
    """Objects of one run that the Trainer and its callbacks share."""

    config: Config
    plan: BatchPlan
    schedule: Schedule
    train_blocks: Blocks
    eval_blocks: Blocks | None
    eval_indices: list[int]
    checkpoints: Path
    state: RunState
    clock: Clock
    recorder: Recorder
    guard: LossGuard
    interruption: Interruption
    made_with: MadeWith
    compiled: bool = False
    average: WeightAverage | None = None
    step_tokens: int = 0
    """Tokens of the current step, over all devices."""
    step_words: int = 0
    """Words of the current step, over all devices."""
    tell: Callable[[dict[str, float]], None] = field(default=lambda values: None)
    """Reports values to the trackers."""
