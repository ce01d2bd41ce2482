"""Checkpoints that are whole or absent, and found again: `checkpoint-<step>` folders below a run's `checkpoints/`.

A checkpoint is written under a hidden name, its files are listed with size and fingerprint in its manifest, and one
rename makes it a checkpoint. A kill while writing leaves the hidden folder, which the next save clears away; a file
damaged later fails its fingerprint, and the search goes on to the checkpoint before.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama import console
from babyllama.artifacts import MANIFEST_NAME, Manifest, file_facts, read_object, write_json
from babyllama.artifacts.files import flush_folder, recover_folders, replace_folder
from babyllama.config import Config
from babyllama.errors import CheckpointError, RunError
from babyllama.runs import RunPaths, RunRecord
from babyllama.runs import paths as paths_module
from babyllama.runs.paths import checkpoints_by_step
from babyllama.runs.run import learned_settings, setting_differences

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Resume = str | Path | None
"""None, "newest" (starts anew, saying so, when there is no checkpoint), or the path of a checkpoint."""

STATE_NAME = "babyllama_state.json"
_STAGE = "checkpoint"
# Whole or sharded (FSDP writes folders); without any of them training cannot go on exactly.
_PARTS = ("*model*", "optimizer*", "scheduler.pt", "rng_state*.pth", "trainer_state.json", STATE_NAME)
_SAVING = ".tmp-saving"


def step_of(path: Path) -> int:
    """The step of the checkpoint folder `path`; CheckpointError when its name gives none."""
    step = paths_module.step_of(path.resolve())
    if step is None:
        raise CheckpointError(f"{path} is not a checkpoint-<step> folder, which training can go on from.")
    return step


def saving_folder(folder: Path) -> Path:
    """Hidden folder below `folder` in which a checkpoint is put together."""
    return folder / _SAVING


@dataclass(frozen=True)
class MadeWith:
    """What a checkpoint is made with: one of another run, or of other settings, is not gone on from in silence."""

    settings: dict[str, Any]
    """Every key of the configuration that changes what is learned, flat."""
    inputs: dict[str, str]
    """Fingerprints of tokenizer, training text and held-out text."""

    @classmethod
    def of(cls, config: Config, record: RunRecord) -> MadeWith:
        """What a checkpoint saved now is made with."""
        inputs = {name: value for name, value in record.fingerprints.items() if name != "config"}
        # Through JSON, as it will be read.
        return cls(json.loads(json.dumps(learned_settings(config))), inputs)

    def differences(self, path: Path) -> list[str]:
        """How the whole checkpoint `path` was made otherwise: `key: there -> here`."""
        manifest = Manifest.read(path)
        assert manifest is not None
        settings = setting_differences(manifest.settings, self.settings)
        inputs = setting_differences(
            {_input_name(name): value[:19] for name, value in manifest.inputs.items()},
            {_input_name(name): value[:19] for name, value in self.inputs.items()},
        )
        return settings + inputs


def _input_name(name: str) -> str:
    return f"{name} text" if name in ("train", "eval") else name


def seal(path: Path, target: Path, step: int, made_with: MadeWith) -> None:
    """Write the manifest of the finished folder `path`, flush every file and rename it to `target`."""
    flush_folder(path)
    Manifest(_STAGE, made_with.inputs, made_with.settings, {"step": step}, files=file_facts(path)).write(path)
    # A run that went back to an earlier checkpoint meets its own later one, which stays until the new one is in its place.
    replace_folder(path, target)


def damage(path: Path) -> str | None:
    """What is wrong with the checkpoint folder `path`, in words; None when it is whole."""
    manifest = Manifest.read(path)
    if manifest is None or manifest.stage != _STAGE:
        return f"it has no readable {MANIFEST_NAME}"
    problem = manifest.damage(path)
    if problem is not None:
        return problem
    for pattern in _PARTS:
        if not any(fnmatch.fnmatch(name, pattern) for name in manifest.files):
            return f"{pattern} is missing"
    return None


def newest_checkpoint(paths: RunPaths) -> Path | None:
    """The newest whole checkpoint of the run, or None. A damaged one is skipped and named in a warning."""
    for _, path in reversed(checkpoints_by_step(paths.checkpoints)):
        problem = damage(path)
        if problem is None:
            return path
        console.warn(f"skipping the damaged checkpoint {path}: {problem}")
    return None


def checked(path: Path) -> Path:
    """`path`, when it is a whole checkpoint; CheckpointError saying what is wrong otherwise."""
    if not path.is_dir():
        raise CheckpointError(
            f"checkpoint {path} does not exist. Give a checkpoint-<step> folder, or --resume_from_checkpoint without a "
            "path for the newest good one."
        )
    problem = damage(path)
    if problem is not None:
        raise CheckpointError(
            f"checkpoint {path} is damaged: {problem}. Use --resume_from_checkpoint without a path: it takes the newest "
            "good one."
        )
    return path


def starting_point(paths: RunPaths, resume: Resume) -> Path | None:
    """The checkpoint that training goes on from; None for the start. RunError when checkpoints would be in the way."""
    existing = checkpoints_by_step(paths.checkpoints)
    if resume is None:
        if existing:
            raise RunError(
                f"{paths.checkpoints} holds checkpoints of a run: continue it with --resume_from_checkpoint, start "
                "anew with --overwrite, or choose another model.name."
            )
        return None
    if resume != "newest":
        return checked(Path(resume))
    newest = newest_checkpoint(paths)
    if newest is None:
        console.say(f"no {'good ' if existing else ''}checkpoint in {paths.checkpoints} yet: training starts anew")
    return newest


def check_made_with(path: Path, made_with: MadeWith, *, force: bool) -> None:
    """CheckpointError naming how checkpoint `path` was made otherwise than this run; with `force`, a warning."""
    changed = made_with.differences(path)
    if not changed:
        return
    text = "\n  ".join(changed)
    if not force:
        raise CheckpointError(
            f"checkpoint {path} was made otherwise than this run, and going on from it would give neither:\n  {text}\n"
            "Resume with the configuration and text it was made with; --force goes on from it all the same."
        )
    console.warn(f"--force: going on from {path}, which was made otherwise:\n  {text}")


def check_fits(path: Path, model: PreTrainedModel) -> None:
    """Raise CheckpointError unless the weights in checkpoint `path` are those of `model` by name and shape."""
    from safetensors import safe_open

    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    saved: dict[str, tuple[int, ...]] = {}
    for file in path.glob("model*.safetensors"):
        with safe_open(file, framework="pt") as weights:
            saved |= {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118
    odd = [name for name, shape in saved.items() if shapes.get(name) != shape]
    if odd:
        name = odd[0]
        there = f"the model has {shapes[name]}" if name in shapes else "the model has no such weight"
        raise CheckpointError(
            f"checkpoint {path} does not fit this model: {name} is {saved[name]}, {there} ({len(odd)} such weights). "
            "Resume with the configuration it was made with, or train anew with --overwrite."
        )


def prune(folder: Path, keep: int | None) -> None:
    """Delete the oldest checkpoints below `folder` until `keep` are left (None keeps all)."""
    if keep is None:
        return
    for _, path in checkpoints_by_step(folder)[:-keep]:
        # Renamed first, so that a kill in the middle of deleting leaves no half checkpoint behind.
        doomed = path.parent / f".tmp-deleting-{path.name}"
        with contextlib.suppress(OSError):
            os.replace(path, doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def clear_leftovers(folder: Path) -> None:
    """Put back what an interrupted replacement moved aside below `folder`, and remove what a save or deletion left there."""
    if folder.is_dir():
        recover_folders(folder)
        for path in folder.glob(".tmp-*"):
            shutil.rmtree(path, ignore_errors=True)


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write BabyLlama's part of a checkpoint: counters and sums that the Trainer does not know."""
    write_json(path / STATE_NAME, state)


def read_state(path: Path) -> dict[str, Any]:
    """What `write_state` wrote."""
    try:
        return read_object(path / STATE_NAME)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"checkpoint {path}: {STATE_NAME} cannot be read ({error}).") from error
