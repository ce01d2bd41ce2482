"""What training shows: one bar on a terminal, one line every `logging_steps` elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from babyllama import console
from babyllama.text import duration, perplexity

_SPIKE_NATS = 1.0
_RECENT_ROWS = 20


class Display:
    """The bar or the lines of one session."""

    def __init__(self, total_steps: int, first_step: int = 0) -> None:
        self.total_steps, self.first_step = total_steps, first_step
        self._bar = console.Bar()
        self._text = ""
        self._recent: list[float] = []

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar while the block runs."""
        with console.progress("", self.total_steps, self.first_step) as self._bar:
            yield

    def step(self, step: int) -> None:
        """An optimizer step has ended."""
        self._bar.update(step, text=f"step {step}/{self.total_steps}  {self._text}")

    def row(self, row: dict[str, Any], seconds_left: float) -> None:
        """Show a row of losses.csv."""
        parts = [
            f"loss {row['train_loss']:.3f}",
            f"{row['tokens_per_second']:,.0f} tokens/s",
            f"{duration(seconds_left)} left",
        ]
        self._text = "  ".join(parts)
        if not self._bar.shown:
            rate = f"lr {row['learning_rate']:.2e}"
            console.say(f"step {row['step']}/{self.total_steps}  epoch {row['epoch']:.2f}  {self._text}  {rate}")
        self._report_spike(row["step"], row["train_loss"])

    def evaluation(self, step: int, loss: float) -> None:
        """Show an evaluation."""
        console.say(f"step {step}: held-out block loss {loss:.4f}, perplexity {perplexity(loss):,.2f}")

    def _report_spike(self, step: int, loss: float) -> None:
        if len(self._recent) == _RECENT_ROWS:
            usual = sum(self._recent) / len(self._recent)
            if loss > usual + _SPIKE_NATS:
                console.say(
                    f"note: loss spike at step {step}: {loss:.3f}, {loss - usual:.2f} above the mean of the last "
                    f"{_RECENT_ROWS} rows. If it does not come back down, lower training.lr or optimization.max_grad_norm."
                )
        self._recent = [*self._recent, loss][-_RECENT_ROWS:]
