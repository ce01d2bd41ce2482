"""What a run notes while it trains, in one hand: counters, clock, rows, a look at the loss, and whether it was asked to stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from babyllama.training.hooks.guard import LossGuard
from babyllama.training.hooks.interruption import Interruption
from babyllama.training.hooks.recorder import Recorder
from babyllama.training.hooks.state import Clock, RunState
from babyllama.training.objectives.base import TOKENS, WORDS
from babyllama.training.trackers import Trackers


@dataclass
class Journal:
    """One per process."""

    state: RunState
    clock: Clock
    recorder: Recorder
    guard: LossGuard
    interruption: Interruption
    trackers: Trackers = field(default_factory=Trackers)
    """Who else is told; in the first process only."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """The current step's counts over all devices."""

    def begin_step(self, counts: Mapping[str, int]) -> None:
        """The blocks of a step have been read."""
        self.counts = counts
        self.recorder.add_counts(counts)

    @property
    def step_words(self) -> int:
        """Words of the current step, over all devices."""
        return self.counts.get(WORDS, 0)

    def end_step(self) -> None:
        """The step has been taken."""
        self.state.tokens_seen += self.counts.get(TOKENS, 0)
        self.state.words_seen += self.step_words

    def asked_to_stop(self, processes: int) -> bool:
        """Was any process asked to stop? Several processes know since the step began, one alone at once."""
        return self.interruption.agreed or (processes == 1 and self.interruption.requested)
