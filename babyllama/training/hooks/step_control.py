"""What happens after each optimizer step: counting, looking at the loss, and deciding to log, evaluate, save or stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from babyllama import console
from babyllama.text import duration
from babyllama.training.hooks.base import Hook, RunningTrainer


class StepControl(TrainerCallback):
    """Decides by step number, so that a resumed run logs, evaluates and saves where the undisturbed one does.

    Log, evaluation and checkpoint of a step happen in this order and in one place; the Trainer's own strategies are
    switched off, because its epoch-end ones come after the step's and would split a row in two. The Trainer's callbacks
    end here: everything else of ours is a `Hook`, called from here.
    """

    def __init__(self, trainer: RunningTrainer, hooks: Sequence[Hook], *, compiled: bool) -> None:
        self.trainer, self.hooks, self.compiled = trainer, hooks, compiled
        self._began = 0.0
        self._first_steps: list[float] = []

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock."""
        journal = self.trainer.journal
        journal.recorder.start(state.global_step)
        journal.clock.training(True)
        self._began = journal.state.train_seconds

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Count, set the Trainer's flags for this step, then call the hooks."""
        trainer, journal, step = self.trainer, self.trainer.journal, state.global_step
        self._decide(control, step, last=step >= state.max_steps, processes=args.world_size)
        journal.end_step()
        journal.guard.step(step, now=control.should_log or control.should_save)
        if trainer.saver.average is not None:
            trainer.saver.average.update(trainer.model, step)
        journal.clock.tick()
        if self.compiled and len(self._first_steps) < 3:
            self._report_compilation()
        if journal.recorder.display is not None:
            journal.recorder.display.step(step)
        for hook in self.hooks:
            hook.after_step(trainer, step)

    def _decide(self, control: TrainerControl, step: int, *, last: bool, processes: int) -> None:
        training, plan = self.trainer.config.training, self.trainer.plan
        epoch_end = step % plan.steps_per_epoch == 0
        due = epoch_end if training.eval_steps is None else step % training.eval_steps == 0
        control.should_evaluate = self.trainer.held_out is not None and (due or last)
        control.should_log = step == 1 or step % training.logging_steps == 0 or control.should_evaluate or last
        control.should_save = last or (epoch_end if training.save_steps is None else step % training.save_steps == 0)
        if self.trainer.journal.asked_to_stop(processes) and not last:
            control.should_save = control.should_training_stop = True

    def _report_compilation(self) -> None:
        """Once the third step is over: what the first one took longer than the third."""
        self._first_steps.append(self.trainer.journal.state.train_seconds)
        if len(self._first_steps) == 3:
            first, second, third = self._first_steps
            console.say(f"compilation took about {duration(first - self._began - (third - second))}")

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Put the held-out loss into the row, then call the hooks."""
        if metrics and "eval_loss" in metrics:
            loss = metrics["eval_loss"]
            self.trainer.journal.recorder.evaluation(state.global_step, loss)
            for hook in self.hooks:
                hook.after_evaluation(self.trainer, state.global_step, loss)
