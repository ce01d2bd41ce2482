"""From step to row: averages the loss since the last row, counts, times, and hands rows to losses.csv and the display."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from babyllama.processes import process_count, process_index
from babyllama.runs.rows import RowsFile
from babyllama.training.hooks.display import Display
from babyllama.training.hooks.state import Clock, RunState


class Recorder:
    """One per process; only the first process's has a file and a display."""

    def __init__(
        self,
        state: RunState,
        clock: Clock,
        *,
        parts: Mapping[str, str],
        file: RowsFile | None,
        display: Display | None,
        total_steps: int,
        device: torch.device,
    ) -> None:
        """`parts` are the objective's further columns, each with the name of its count."""
        self.state, self.clock, self.file, self.display = state, clock, file, display
        self.parts, self.total_steps = dict(parts), total_steps
        self.sums = torch.tensor(_own(state.loss_sums, 1 + len(parts)), dtype=torch.float32, device=device)
        """[1 + parts] this process's sums since the last row: of step losses, whose mean over processes a row says, and of
        each part, whose sum over processes is divided by the part's targets."""
        self._part_counts = list(state.part_counts) or [0] * len(parts)
        self._pending: dict[str, Any] | None = None
        self._session = (0, 0.0)

    def start(self, step: int) -> None:
        """Training begins, or goes on, after `step`."""
        if self.state.evaluation_due and self.file is not None:
            self._pending = self.file.take_back(step)
        self._session = (step, self.state.seconds)

    def add_loss(self, loss: torch.Tensor, parts: list[torch.Tensor]) -> None:
        """Add one micro-batch: its part of the step's mean loss, and its sum of each part of the objective."""
        self.sums[0] += loss
        for place, value in enumerate(parts, 1):
            self.sums[place] += value

    def add_counts(self, counts: Mapping[str, int]) -> None:
        """Add a step's counts over all devices."""
        for place, name in enumerate(self.parts.values()):
            self._part_counts[place] += counts.get(name, 0)

    def remember(self, sums: list[list[float]]) -> None:
        """Put the running sums of all processes into the state, before a checkpoint."""
        self.state.loss_sums, self.state.part_counts = sums, list(self._part_counts)
        if self.file is not None:
            self.state.curves[self.file.path.name] = self.file.fingerprint_until(self.state.logged_step)

    def row(self, step: int, epoch: float, sums: list[list[float]], logs: dict[str, float]) -> dict[str, Any]:
        """Make the row of `step` from the `sums` of all processes, keep it for `flush`; what trackers are told."""
        state = self.state
        loss = sum(own[0] for own in sums) / len(sums) / max(1, step - state.logged_step)
        seconds = state.train_seconds - state.logged_seconds
        rate = (state.tokens_seen - state.logged_tokens) / seconds if seconds > 0 else 0.0
        self._pending = {
            "step": step,
            "epoch": epoch,
            "tokens_seen": state.tokens_seen,
            "words_seen": state.words_seen,
            "train_loss": loss,
            "eval_loss": None,
            "learning_rate": logs["learning_rate"],
            "tokens_per_second": rate,
        }
        for place, name in enumerate(self.parts):
            count = self._part_counts[place]
            self._pending[name] = sum(own[place + 1] for own in sums) / count if count else None
        state.logged_step, state.logged_tokens, state.logged_seconds = step, state.tokens_seen, state.train_seconds
        state.last_train_loss = loss
        self.sums.zero_()
        self._part_counts = [0] * len(self.parts)
        if self.display is not None:
            self.display.row(self._pending, self.seconds_left(step))
        hidden = ("step", "train_loss", "eval_loss")
        told = {name: value for name, value in self._pending.items() if name not in hidden and value is not None}
        return {**logs, **told, "loss": loss}

    def evaluation(self, step: int, loss: float) -> None:
        """Put a held-out loss into the row of its step."""
        self.state.last_eval_loss = loss
        if self._pending is not None:
            self._pending["eval_loss"] = loss
        if self.display is not None:
            self.display.evaluation(step, loss)

    def flush(self) -> None:
        """Write the row that waits, if any."""
        if self._pending is not None and self.file is not None:
            self.file.append(self._pending)
        self._pending = None

    def seconds_left(self, step: int) -> float:
        """Expected wall time to the end, from this session's pace."""
        self.clock.tick()
        first, began = self._session
        done = step - first
        return (self.state.seconds - began) / done * (self.total_steps - step) if done else float("inf")


def _own(sums: list[list[float]], size: int) -> list[float]:
    """This process's part of what was saved; the mean of all, which is what counts, for another number of processes."""
    if len(sums) == process_count():
        own = sums[process_index()]
    else:
        own = [sum(column) / len(sums) for column in zip(*sums, strict=True)]
    return own if len(own) == size else [own[0], *[0.0] * (size - 1)]
