"""What training says: one bar on a terminal, one line every `logging_steps` elsewhere; always on standard error."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from typing import Any

from babyllama import console

_bars: list[Any] = []
"""The progress bar on display, which notes must not tear."""


def note(message: str) -> None:
    """Print one line on standard error, above the progress bar if there is one; silent in all but the first process."""
    if console.is_quiet() and not message.startswith("warning"):
        return
    if _bars:
        _bars[-1].write(message, file=sys.stderr)
    else:
        print(message, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Seconds as a person reads them: 42s, 3:05, 2:10:00."""
    if not math.isfinite(seconds):
        return "?"
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if minutes else f"{rest}s"


@dataclass
class Progress:
    """The bar or the lines of one run."""

    total_steps: int
    first_step: int = 0
    quiet: bool = False
    _bar: Any = field(default=None, init=False)

    def __enter__(self) -> Progress:
        if not self.quiet and sys.stderr.isatty():
            from tqdm import tqdm  # type: ignore[import-untyped]

            self._bar = tqdm(
                total=self.total_steps,
                initial=self.first_step,
                file=sys.stderr,
                dynamic_ncols=True,
                bar_format="{percentage:3.0f}% |{bar:20}| step {n_fmt}/{total_fmt}{postfix}",
            )
            _bars.append(self._bar)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
            _bars.remove(self._bar)
            self._bar = None

    def step(self, step: int) -> None:
        """An optimizer step has ended."""
        if self._bar is not None:
            self._bar.update(step - self._bar.n)

    def log(self, row: dict[str, Any], seconds_left: float) -> None:
        """Show a row of losses.csv."""
        if self.quiet:
            return
        text = f"loss {row['train_loss']:.3f}  {row['tokens_per_second']:,.0f} tokens/s  {duration(seconds_left)} left"
        if self._bar is not None:
            self._bar.set_postfix_str(text)
        else:
            note(
                f"step {row['step']}/{self.total_steps}  epoch {row['epoch']:.2f}  {text}  lr {row['learning_rate']:.2e}"
            )

    def evaluation(self, step: int, loss: float) -> None:
        """Show an evaluation."""
        if not self.quiet:
            note(f"step {step}: held-out block loss {loss:.4f}, perplexity {perplexity(loss):,.2f}")


def perplexity(loss: float) -> float:
    """exp(loss in nats per token); infinity where that overflows."""
    return math.exp(loss) if loss < 700 else math.inf
