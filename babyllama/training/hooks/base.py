"""Hooks: what a run does beside training at the named moments of a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babyllama.training.trainer import LanguageModelTrainer


class Hook:
    """Subclass it and override the moments that matter; every process calls every hook."""

    def after_step(self, trainer: LanguageModelTrainer, step: int) -> None:
        """An optimizer step has been taken and counted; its row, evaluation and checkpoint come after this."""

    def after_evaluation(self, trainer: LanguageModelTrainer, step: int, loss: float) -> None:
        """The held-out loss has been measured."""
