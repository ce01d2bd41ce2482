"""From step to row: averages the loss since the last row, counts, times, and hands rows to losses.csv and the console."""

from __future__ import annotations

from typing import Any

import torch

from babyllama.processes import process_count, process_index
from babyllama.runs.rows import RowsFile
from babyllama.training.console import Progress, note
from babyllama.training.state import Clock, RunState

_SPIKE_NATS = 1.0
_RECENT_ROWS = 20


class Recorder:
    """One per process; only the first process's has a file and a display."""

    def __init__(
        self,
        state: RunState,
        clock: Clock,
        *,
        file: RowsFile | None,
        progress: Progress | None,
        total_steps: int,
        device: torch.device,
    ) -> None:
        self.state, self.clock, self.file, self.progress = state, clock, file, progress
        self.total_steps = total_steps
        self.loss_sum = torch.tensor(_own(state.loss_sums), dtype=torch.float32, device=device)
        """Sum of this process's step losses since the last row; the mean over processes is what a row says."""
        self._pending: dict[str, Any] | None = None
        self._recent: list[float] = []
        self._session = (0, 0.0)

    def start(self, step: int) -> None:
        """Training begins, or goes on, after `step`."""
        if self.state.evaluation_due and self.file is not None:
            self._pending = self.file.take_back(step)
        self._session = (step, self.state.seconds)

    def add_loss(self, loss: torch.Tensor) -> None:
        """Add one micro-batch's part of the step's mean loss."""
        self.loss_sum += loss

    def remember(self, loss_sums: list[float]) -> None:
        """Put the running sums of all processes into the state, before a checkpoint."""
        self.state.loss_sums = loss_sums
        if self.file is not None:
            self.state.curves[self.file.path.name] = self.file.fingerprint_until(self.state.logged_step)

    def row(self, step: int, epoch: float, loss_total: float, logs: dict[str, float]) -> dict[str, Any]:
        """Make the row of `step`, keep it for `flush` and return what trackers are told."""
        state = self.state
        loss = loss_total / max(1, step - state.logged_step)
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
        state.logged_step, state.logged_tokens, state.logged_seconds = step, state.tokens_seen, state.train_seconds
        state.last_train_loss = loss
        self.loss_sum.zero_()
        if self.progress is not None:
            self.progress.log(self._pending, self.seconds_left(step))
            self._report_spike(step, loss)
        told = {name: value for name, value in self._pending.items() if name not in ("step", "train_loss", "eval_loss")}
        return {**logs, **told, "loss": loss}

    def evaluation(self, step: int, loss: float) -> None:
        """Put a held-out loss into the row of its step."""
        self.state.last_eval_loss = loss
        if self._pending is not None:
            self._pending["eval_loss"] = loss
        if self.progress is not None:
            self.progress.evaluation(step, loss)

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

    def _report_spike(self, step: int, loss: float) -> None:
        if len(self._recent) == _RECENT_ROWS:
            usual = sum(self._recent) / len(self._recent)
            if loss > usual + _SPIKE_NATS:
                note(
                    f"note: loss spike at step {step}: {loss:.3f}, {loss - usual:.2f} above the mean of the last "
                    f"{_RECENT_ROWS} rows. If it does not come back down, lower training.lr or optimization.max_grad_norm."
                )
        self._recent = [*self._recent, loss][-_RECENT_ROWS:]


def _own(loss_sums: list[float]) -> float:
    """This process's part of what was saved; the mean of all, which is what counts, for another number of processes."""
    if len(loss_sums) == process_count():
        return loss_sums[process_index()]
    return sum(loss_sums) / len(loss_sums)
