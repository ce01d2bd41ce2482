"""Model folders that `from_pretrained` loads in transformers 4.51 and in 5: final/, chck_<words>M, best/."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from babyllama.artifacts import Manifest, atomic_folder, file_facts, read_json, write_json
from babyllama.errors import TrainingError
from babyllama.evaluation.models import without_progress_bars
from babyllama.runs.locate import CHECKPOINT_FACTS
from babyllama.tokenizer import save_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

MODEL_STAGE = "model"
"""What the manifest of a model folder calls it."""

WRITE_FAILURES = (OSError, RuntimeError, SafetensorError)
"""What a full disk raises: Python's own writes, torch.save, and safetensors, which has an exception of its own."""


def save_model_folder(
    path: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    *,
    weights: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    then: str = "continue with --resume_from_checkpoint",
) -> None:
    """Write model and tokenizer to `path`, whole or not at all; `facts` go into a `checkpoint.json` beside them.

    `weights` is a state dict to write instead of the model's own; `then` is what to do once there is space again.
    """
    try:
        with atomic_folder(path) as folder, without_progress_bars():
            model.save_pretrained(folder, state_dict=weights)
            save_tokenizer(tokenizer, folder)
            _readable_by_older_versions(folder)
            if facts is not None:
                write_json(folder / CHECKPOINT_FACTS, facts)
            Manifest(MODEL_STAGE, {}, {}, facts or {}, files=file_facts(folder)).write(folder)
    except WRITE_FAILURES as error:
        raise TrainingError(
            f"the model could not be written to {path}: {error}. Free some space, then {then}."
        ) from error


def _readable_by_older_versions(folder: Path) -> None:
    """Spell what transformers 5 renamed the way 4.x reads it, beside the new spelling."""
    config_path = folder / "config.json"
    config = read_json(config_path)
    rope = config.get("rope_parameters")
    if isinstance(rope, dict) and "rope_theta" in rope:
        config["rope_theta"] = rope["rope_theta"]
    if "dtype" in config:
        config["torch_dtype"] = config["dtype"]
    write_json(config_path, config)
