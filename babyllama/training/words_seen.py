"""Checkpoints by words seen, on the schedule of the BabyLM challenge: every 1M to 10M, 10M to 100M, 100M to 1000M.

Repeats count: 10 epochs over 10M words are 100M words seen. Each checkpoint is a model folder ready to upload as the
branch of its name (`chck_1M`, `chck_10M`, ...).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from babyllama.training.console import note
from babyllama.training.parts import RunParts
from babyllama.training.saving import save_model_folder

MILLION = 1_000_000
SCHEDULE_MILLIONS = (*range(1, 10), *range(10, 100, 10), *range(100, 1001, 100))
"""Words seen, in millions, at which a checkpoint is saved."""


def crossed(before: int, after: int, unit: int = MILLION) -> list[int]:
    """Entries of the schedule that lie in (before, after] words, in units of `unit` words."""
    return [entry for entry in SCHEDULE_MILLIONS if before < entry * unit <= after]


def folder_name(entry: int) -> str:
    """Name of the model folder, and of the branch on the Hub."""
    return f"chck_{entry}M"


class WordCheckpoints(TrainerCallback):
    """Saves a model folder in the step that reaches an entry of the schedule."""

    def __init__(self, parts: RunParts, tokenizer: Any, unit: int = MILLION) -> None:
        self.parts, self.tokenizer, self.unit = parts, tokenizer, unit

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Save what the step's words have made due."""
        parts = self.parts
        words = parts.state.words_seen
        due = crossed(words - parts.step_words, words, self.unit)
        if not due:
            return
        parts.guard.check_now()
        parts.clock.training(False)
        for entry in due:
            if args.should_save:
                self._save(parts.checkpoints / folder_name(entry), kwargs["model"], state.global_step)
        parts.clock.training(True)

    def _save(self, path: Path, model: Any, step: int) -> None:
        state = self.parts.state
        facts = {"step": step, "words_seen": state.words_seen, "tokens_seen": state.tokens_seen}
        save_model_folder(path, model, self.tokenizer, average=self.parts.average, facts=facts)
        note(f"step {step}: {state.words_seen:,} words seen, saved {path}")
