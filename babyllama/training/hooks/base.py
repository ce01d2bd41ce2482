"""Hooks: what a run does beside training at the named moments of a step."""

from __future__ import annotations

from typing import Protocol

from transformers import PreTrainedModel, TrainingArguments

from babyllama.config import Config
from babyllama.training.data.batch_plan import BatchPlan
from babyllama.training.data.blocks import HeldOut
from babyllama.training.hooks.journal import Journal
from babyllama.training.saving.saver import Saver


class RunningTrainer(Protocol):
    """What a hook sees of `babyllama.training.trainer.LanguageModelTrainer`."""

    config: Config
    args: TrainingArguments
    model: PreTrainedModel
    plan: BatchPlan
    held_out: HeldOut | None
    journal: Journal
    saver: Saver

    def tell(self, values: dict[str, float]) -> None:
        """Report `values` to the trackers from inside a step."""


class Hook:
    """Subclass it and override the moments that matter; every process calls every hook."""

    def after_step(self, trainer: RunningTrainer, step: int) -> None:
        """An optimizer step has been taken and counted; its row, evaluation and checkpoint come after this."""

    def after_evaluation(self, trainer: RunningTrainer, step: int, loss: float) -> None:
        """The held-out loss has been measured."""
