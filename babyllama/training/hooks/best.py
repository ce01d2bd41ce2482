"""The model with the lowest held-out loss so far (`training.keep_best`), kept as checkpoints/best."""

from __future__ import annotations

from babyllama.training.hooks.base import Hook, RunningTrainer


class BestModel(Hook):
    """Saves the evaluated weights whenever the held-out loss is lower than ever before."""

    def after_evaluation(self, trainer: RunningTrainer, step: int, loss: float) -> None:
        """Compare and save."""
        state = trainer.journal.state
        if state.best_eval_loss is not None and loss >= state.best_eval_loss:
            return
        trainer.journal.guard.check_now()
        state.best_eval_loss, state.best_step = loss, step
        if trainer.args.should_save:
            saver = trainer.saver
            saver.save_model(saver.paths.best, trainer.model, facts={"step": step, "eval_loss": loss})
