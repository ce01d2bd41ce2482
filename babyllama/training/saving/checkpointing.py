"""The part of the trainer that saves and loads checkpoints; which methods and why stands in `trainer.OVERRIDES`."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, Trainer

from babyllama.errors import CheckpointError
from babyllama.training.hooks.journal import Journal
from babyllama.training.optim.groups import group_settings, put_settings
from babyllama.training.saving import checkpoints
from babyllama.training.saving.saver import Saver

_UNREADABLE = (pickle.UnpicklingError, EOFError, RuntimeError, TypeError, AttributeError, ImportError)
"""What torch raises for a file that is not of its own making; it never runs code from one (weights_only)."""


class CheckpointingTrainer(Trainer):
    """A Trainer whose checkpoints are whole or absent and hold our state."""

    journal: Journal
    saver: Saver
    optimizer: Any
    lr_scheduler: Any
    _saving = False

    def _running_sums(self) -> list[list[float]]:
        """The running sums of every process; all of them must ask."""
        own = self.journal.recorder.sums.unsqueeze(0)
        return (self.accelerator.gather(own) if self.args.world_size > 1 else own).tolist()

    def _get_output_dir(self, trial: Any) -> str:
        folder = self.saver.paths.checkpoints
        return str(checkpoints.saving_folder(folder) if self._saving else folder)

    def _save_checkpoint(self, model: PreTrainedModel, trial: Any) -> None:
        journal = self.journal
        journal.guard.check_now()
        journal.recorder.flush()
        journal.clock.tick()
        journal.recorder.remember(self._running_sums())
        # losses.csv is the record; the Trainer's own history would grow with every step and every checkpoint.
        self.state.log_history = self.state.log_history[-1:]
        self._saving = True
        try:
            self.saver.save_checkpoint(
                self.state.global_step,
                journal.state,
                lambda: super(CheckpointingTrainer, self)._save_checkpoint(model, trial),
                self.accelerator.wait_for_everyone,
                main=self.args.should_save,
            )
        finally:
            self._saving = False

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        if self.args.should_save and output_dir is not None:
            model = self.accelerator.unwrap_model(self.model, keep_torch_compile=False)
            os.makedirs(output_dir, exist_ok=True)
            model.save_pretrained(output_dir, state_dict=state_dict)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: PreTrainedModel | None = None) -> None:
        checkpoints.check_fits(Path(resume_from_checkpoint), self.accelerator.unwrap_model(self.model))
        super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        configured = group_settings(self.optimizer)
        try:
            super()._load_optimizer_and_scheduler(checkpoint)
        except (KeyError, ValueError) as error:
            raise CheckpointError(
                f"checkpoint {checkpoint} has the state of another optimizer ({error}); resume with the configuration "
                "it was made with."
            ) from error
        except _UNREADABLE as error:
            raise CheckpointError(_unreadable(checkpoint, "optimizer or scheduler", error)) from error
        put_settings(self.optimizer, self.lr_scheduler, configured)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        try:
            super()._load_rng_state(checkpoint)
        except (*_UNREADABLE, KeyError, ValueError) as error:
            raise CheckpointError(_unreadable(checkpoint, "random", error)) from error

    def _load_scaler(self, checkpoint: str | None) -> None:
        try:
            super()._load_scaler(checkpoint)
        except (*_UNREADABLE, KeyError, ValueError) as error:
            raise CheckpointError(_unreadable(checkpoint, "loss-scale", error)) from error

    def gathered_weights(self) -> dict[str, Any] | None:
        """The whole state dict where FSDP has spread it over the processes (all of them must ask), None elsewhere."""
        return self.accelerator.get_state_dict(self.model) if self.is_fsdp_enabled else None


def _unreadable(checkpoint: str | None, what: str, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        f"checkpoint {checkpoint}: its {what} state cannot be read ({reason}). Resume from another checkpoint, or train "
        "anew with --overwrite."
    )
