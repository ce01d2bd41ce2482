"""Checkpoints that are whole or absent, and found again: `checkpoint-<step>` folders below a run's `checkpoints/`.

A checkpoint is written under a hidden name, its files are listed with size and fingerprint in its manifest, and one
rename makes it a checkpoint. A kill while writing leaves the hidden folder, which the next save clears away; a file
damaged later fails its fingerprint, and the search goes on to the checkpoint before.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babyllama.artifacts import MANIFEST_NAME, Manifest, fingerprint_file, read_json, sync_folder, write_json
from babyllama.errors import CheckpointError
from babyllama.runs import RunPaths
from babyllama.training.console import note

STATE_NAME = "babyllama_state.json"
_PREFIX = "checkpoint-"
_STAGE = "checkpoint"
_SAVING = ".tmp-saving"


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of `step` lies below `folder`."""
    return folder / f"{_PREFIX}{step}"


def step_of(path: Path) -> int:
    """The step of the checkpoint folder `path`; CheckpointError when its name gives none."""
    match = re.fullmatch(rf"{_PREFIX}(\d+)", path.resolve().name)
    if match is None:
        raise CheckpointError(f"{path} is not a {_PREFIX}<step> folder, which training can go on from.")
    return int(match.group(1))


def saving_folder(folder: Path) -> Path:
    """Hidden folder below `folder` in which a checkpoint is put together."""
    return folder / _SAVING


def checkpoints_by_step(folder: Path) -> list[tuple[int, Path]]:
    """(step, path) of everything named like a checkpoint below `folder`, oldest first; whole or not."""
    found = []
    if folder.is_dir():
        for path in folder.iterdir():
            match = re.fullmatch(rf"{_PREFIX}(\d+)", path.name)
            if match and path.is_dir():
                found.append((int(match.group(1)), path))
    return sorted(found)


def seal(path: Path, target: Path, step: int) -> None:
    """Write the manifest of the finished folder `path`, flush every file and rename it to `target`."""
    files = {}
    for file in _files(path):
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
        files[file.relative_to(path).as_posix()] = {
            "bytes": file.stat().st_size,
            "fingerprint": fingerprint_file(file),
        }
    Manifest(stage=_STAGE, inputs={}, settings={}, outputs={"step": step, "files": files}).write(path)
    if target.exists():
        # Only a run that went back to an earlier checkpoint meets its own later one; the new one replaces it.
        shutil.rmtree(target)
    os.replace(path, target)
    sync_folder(target.parent)


def damage(path: Path) -> str | None:
    """What is wrong with the checkpoint folder `path`, in words; None when it is whole."""
    manifest = Manifest.read(path)
    if manifest is None or manifest.stage != _STAGE:
        return f"it has no readable {MANIFEST_NAME}"
    for name, facts in manifest.outputs.get("files", {}).items():
        file = path / name
        if not file.is_file():
            return f"{name} is missing"
        if file.stat().st_size != facts["bytes"]:
            return f"{name} has {file.stat().st_size:,} bytes instead of {facts['bytes']:,}"
        if fingerprint_file(file) != facts["fingerprint"]:
            return f"the content of {name} has changed since it was written"
    if not (path / STATE_NAME).is_file():
        return f"{STATE_NAME} is missing"
    return None


def newest_checkpoint(paths: RunPaths) -> Path | None:
    """The newest whole checkpoint of the run, or None. A damaged one is skipped and named in a warning."""
    for _, path in reversed(checkpoints_by_step(paths.checkpoints)):
        problem = damage(path)
        if problem is None:
            return path
        note(f"warning: skipping the damaged checkpoint {path}: {problem}")
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


def check_fits(path: Path, model: Any) -> None:
    """Raise CheckpointError unless the weights in checkpoint `path` are those of `model` by name and shape."""
    from safetensors import safe_open

    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    saved: dict[str, tuple[int, ...]] = {}
    for file in path.glob("model*.safetensors"):
        with safe_open(file, framework="pt") as weights:
            saved |= {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118
    odd = [name for name, shape in saved.items() if wanted.get(name) != shape]
    if odd:
        name = odd[0]
        there = f"the model has {wanted[name]}" if name in wanted else "the model has no such weight"
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
    """Remove what an interrupted save or deletion left below `folder`."""
    if folder.is_dir():
        for path in folder.glob(".tmp-*"):
            shutil.rmtree(path, ignore_errors=True)


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write BabyLlama's part of a checkpoint: counters and sums that the Trainer does not know."""
    write_json(path / STATE_NAME, state)


def read_state(path: Path) -> dict[str, Any]:
    """What `write_state` wrote."""
    try:
        return read_json(path / STATE_NAME)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"checkpoint {path}: {STATE_NAME} cannot be read ({error}).") from error


def _files(path: Path) -> Iterator[Path]:
    return (file for file in sorted(path.rglob("*")) if file.is_file() and file.name != MANIFEST_NAME)
