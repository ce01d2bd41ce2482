"""What happens after each optimizer step: counting, looking at the loss, and deciding to log, evaluate, save or stop."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from babyllama.training.console import duration, note
from babyllama.training.parts import RunParts


class StepControl(TrainerCallback):
    """Decides by step number, so that a resumed run logs, evaluates and saves where the undisturbed one does.

    Log, evaluation and checkpoint of a step happen in this order and in one place; the Trainer's own strategies are
    switched off, because its epoch-end ones come after the step's and would split a row in two.
    """

    def __init__(self, parts: RunParts) -> None:
        self.parts = parts
        self._began = 0.0
        self._first_steps: list[float] = []

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock."""
        self.parts.recorder.start(state.global_step)
        self.parts.clock.training(True)
        self._began = self.parts.state.train_seconds

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Set the Trainer's flags for this step."""
        parts, step = self.parts, state.global_step
        training = parts.config.training
        epoch_end = step % parts.plan.steps_per_epoch == 0
        last = step >= state.max_steps
        due = epoch_end if training.eval_steps is None else step % training.eval_steps == 0
        control.should_evaluate = parts.eval_blocks is not None and (due or last)
        control.should_log = step == 1 or step % training.logging_steps == 0 or control.should_evaluate or last
        control.should_save = last or (epoch_end if training.save_steps is None else step % training.save_steps == 0)
        stop = parts.interruption.agreed or (args.world_size == 1 and parts.interruption.requested)
        if stop and not last:
            control.should_save = control.should_training_stop = True
        parts.state.tokens_seen += parts.step_tokens
        parts.state.words_seen += parts.step_words
        parts.guard.step(step, now=control.should_log or control.should_save)
        if parts.average is not None:
            parts.average.update(kwargs["model"], step)
        parts.clock.tick()
        if parts.compiled and len(self._first_steps) < 3:
            self._report_compilation()
        if parts.recorder.progress is not None:
            parts.recorder.progress.step(step)

    def _report_compilation(self) -> None:
        """Once the third step is over: what the first one took longer than the third."""
        state = self.parts.state
        self._first_steps.append(state.train_seconds)
        if len(self._first_steps) == 3:
            first, second, third = self._first_steps
            note(f"compilation took about {duration(first - self._began - (third - second))}")

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Put the held-out loss into the row."""
        if metrics and "eval_loss" in metrics:
            self.parts.recorder.evaluation(state.global_step, metrics["eval_loss"])
