"""The model with the lowest held-out loss so far (`training.keep_best`), kept as checkpoints/best."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from babyllama.training.parts import RunParts
from babyllama.training.saving import save_model_folder


def best_folder(checkpoints: Path) -> Path:
    """Where the best model lies."""
    return checkpoints / "best"


class BestModel(TrainerCallback):
    """Saves the evaluated weights whenever the held-out loss is lower than ever before."""

    def __init__(self, parts: RunParts, tokenizer: Any) -> None:
        self.parts, self.tokenizer = parts, tokenizer

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Compare and save."""
        run = self.parts.state
        loss = (metrics or {}).get("eval_loss")
        if loss is None or (run.best_eval_loss is not None and loss >= run.best_eval_loss):
            return
        self.parts.guard.check_now()
        run.best_eval_loss, run.best_step = loss, state.global_step
        if args.should_save:
            facts = {"step": state.global_step, "eval_loss": loss}
            save_model_folder(
                best_folder(self.parts.checkpoints),
                kwargs["model"],
                self.tokenizer,
                average=self.parts.average,
                facts=facts,
            )
