"""What a run saves: its checkpoints, and model folders with the weights that are shipped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama.errors import TrainingError
from babyllama.runs import RunPaths
from babyllama.runs.paths import checkpoints_by_step
from babyllama.training.hooks.state import RunState
from babyllama.training.optim.average import WeightAverage
from babyllama.training.saving import checkpoints
from babyllama.training.saving.checkpoints import MadeWith
from babyllama.training.saving.model_folder import WRITE_FAILURES, save_model_folder

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


@dataclass
class Saver:
    """Knows where a run's files go and which weights are shipped."""

    paths: RunPaths
    tokenizer: PreTrainedTokenizerFast
    made_with: MadeWith
    keep: int | None
    """How many checkpoints are kept; None keeps all."""
    average: WeightAverage | None = None
    """Evaluated and shipped instead of the last weights, when there is one."""

    def shipped(self, model: PreTrainedModel) -> AbstractContextManager[None]:
        """Within the block `model` has the weights that are evaluated and shipped."""
        return self.average.applied(model) if self.average is not None else contextlib.nullcontext()

    def save_model(
        self,
        path: Path,
        model: PreTrainedModel,
        *,
        facts: dict[str, Any] | None = None,
        weights: dict[str, Any] | None = None,
    ) -> None:
        """A model folder with the shipped weights, whole or not at all; `weights` is a state dict to write instead."""
        with self.shipped(model):
            save_model_folder(path, model, self.tokenizer, facts=facts, weights=weights)

    def save_checkpoint(
        self, step: int, state: RunState, write: Callable[[], None], wait: Callable[[], None], *, main: bool
    ) -> None:
        """Put the checkpoint of `step` together under a hidden name, then rename it.

        `write` lets the Trainer write its parts below `checkpoints.saving_folder`; `wait` is where processes meet; the
        process that is `main` adds the rest, seals and tidies up. TrainingError when it cannot be written.
        """
        folder = self.paths.checkpoints
        if main:
            checkpoints.clear_leftovers(folder)
        wait()
        try:
            write()
            wait()
            if main:
                part = checkpoints.saving_folder(folder) / self.paths.checkpoint(step).name
                checkpoints.write_state(part, state.saved())
                if self.average is not None:
                    self.average.save(part)
                checkpoints.seal(part, self.paths.checkpoint(step), step, self.made_with)
                checkpoints.clear_leftovers(folder)
                checkpoints.prune(folder, self.keep)
        except WRITE_FAILURES as error:
            checkpoints.clear_leftovers(folder)
            raise TrainingError(_not_written(folder, step, error)) from error
        wait()


def _not_written(folder: Path, step: int, error: Exception) -> str:
    whole = checkpoints_by_step(folder)
    kept = f"the checkpoint of step {whole[-1][0]} is kept" if whole else "there is no earlier checkpoint"
    return (
        f"the checkpoint of step {step} could not be written to {folder}: {error}. Training stops; {kept}. Free some "
        "space, then continue with --resume_from_checkpoint."
    )
