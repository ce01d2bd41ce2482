"""What is overridden of the Hugging Face Trainer stands in one list, and is what it was when we overrode it."""

from __future__ import annotations

import hashlib
import inspect

import pytest
from transformers import Trainer

from babyllama.training.trainer import OVERRIDES, LanguageModelTrainer

pytestmark = pytest.mark.unit

SEEN = {
    "get_train_dataloader": "205a99685f8f",
    "get_batch_samples": "0b3727386f73",
    "compute_loss": "160dea726d2f",
    "training_step": "e9760c8ee103",
    "_clip_grad_norm": "ebfa9dc91d30",
    "create_optimizer": "c798977d9dca",
    "create_scheduler": "a9edec70a59b",
    "_get_learning_rate": "158d12f9b950",
    "evaluate": "47001f3acc99",
    "_evaluate": "64dfb995ce20",
    "log": "73b8e3acd21a",
    "_maybe_log_save_evaluate": "af101534f0f7",
    "_get_output_dir": "97172085342a",
    "_save_checkpoint": "a9111e30faa9",
    "_save": "b136889e8792",
    "_load_from_checkpoint": "a2804e8d93a2",
    "_load_optimizer_and_scheduler": "741032f57d6f",
    "_load_rng_state": "d5ebdfc0a088",
    "_load_scaler": "c0695f791164",
}
"""Method -> hash of its source in the transformers of constraints.txt. When one changes, read what changed, see whether ours
still does what it should, and put the new hash here."""


@pytest.mark.parametrize("name", OVERRIDES)
def test_what_we_override_is_what_it_was_when_we_read_it(name: str) -> None:
    source = inspect.getsource(getattr(Trainer, name))
    assert hashlib.sha256(source.encode()).hexdigest()[:12] == SEEN[name], f"transformers has changed Trainer.{name}"


def test_the_list_is_complete() -> None:
    ours = {
        name
        for kind in LanguageModelTrainer.__mro__
        if kind.__module__.startswith("babyllama")
        for name, value in vars(kind).items()
        if callable(value) and name in vars(Trainer)
    }
    assert ours - {"__init__"} == set(OVERRIDES)


@pytest.mark.parametrize("name", OVERRIDES)
def test_ours_can_be_called_as_the_trainer_s_own(name: str) -> None:
    own = inspect.signature(getattr(Trainer, name)).parameters
    ours = inspect.signature(getattr(LanguageModelTrainer, name)).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in ours.values())
    assert takes_all or list(ours) == list(own)
