"""What a run knows about itself while it trains; saved with every checkpoint, so that counting goes on exactly."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class RunState:
    """Counters over the whole run, all devices and earlier sessions included."""

    tokens_seen: int = 0
    """Tokens read, repeats counted, padding not."""
    words_seen: int = 0
    """Whitespace-separated words read, repeats counted."""
    seconds: float = 0.0
    """Wall time of training, evaluations and checkpoints included."""
    train_seconds: float = 0.0
    """Wall time of training steps alone."""
    logged_step: int = 0
    """Step of the last row of losses.csv."""
    logged_tokens: int = 0
    """tokens_seen at that row."""
    logged_seconds: float = 0.0
    """train_seconds at that row."""
    loss_sums: list[list[float]] = field(default_factory=lambda: [[0.0]])
    """Each process's sums since that row, the exact fp32 numbers: of step losses, then of each part of the objective."""
    part_counts: list[int] = field(default_factory=list)
    """Targets of each part since that row, over all devices."""
    last_train_loss: float | None = None
    last_eval_loss: float | None = None
    best_eval_loss: float | None = None
    best_step: int | None = None
    curves: dict[str, str] = field(default_factory=dict)
    """Name of each CSV file of the run -> fingerprint of its rows up to the checkpoint."""
    evaluation_due: bool = False
    """The evaluation of the last step was put off because the run was asked to stop."""

    @classmethod
    def restored(cls, values: dict[str, Any]) -> RunState:
        """The state that `saved` gave; keys of other versions are left out."""
        return cls(**{name: value for name, value in values.items() if name in cls.__dataclass_fields__})

    def saved(self) -> dict[str, Any]:
        """JSON-like copy for a checkpoint."""
        return asdict(self)


class Clock:
    """Adds passing time to a RunState; pauses the training clock for evaluations and checkpoints."""

    def __init__(self, state: RunState) -> None:
        self.state = state
        self._last = time.perf_counter()
        self._training = False

    def tick(self) -> None:
        """Book the time since the last call."""
        now = time.perf_counter()
        passed, self._last = now - self._last, now
        self.state.seconds += passed
        if self._training:
            self.state.train_seconds += passed

    def training(self, on: bool) -> None:
        """From here on the time counts as training, or not."""
        self.tick()
        self._training = on
