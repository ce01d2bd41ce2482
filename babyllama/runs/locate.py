"""Where a model is: a run folder, a final folder, a checkpoint or a Hub name, and what its folder tells about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from babyllama.artifacts import read_object
from babyllama.errors import CheckpointError
from babyllama.runs.paths import RunPaths, words_of
from babyllama.text import has_control_characters, is_utf8, one_line

CHECKPOINT_FACTS = "checkpoint.json"
"""Step, words and tokens seen of a model folder that was saved on the way."""


@dataclass(frozen=True)
class ModelPlace:
    """A model that can be loaded."""

    source: str
    """Folder or Hub name to load."""
    run: RunPaths | None = None
    """The run it belongs to."""
    checkpoint: str | None = None
    """Name of the checkpoint; None for a final model."""

    @property
    def name(self) -> str:
        """What tables call it: the run's name, `run/checkpoint`, the folder's name or the Hub name."""
        if self.run is None:
            return self.source.rstrip("/") if not Path(self.source).is_dir() else Path(self.source).resolve().name
        name = self.run.root.resolve().name
        return name if self.checkpoint is None else f"{name}/{self.checkpoint}"

    @property
    def is_local(self) -> bool:
        """Is it a folder here, not a name on the Hub?"""
        return Path(self.source).is_dir()

    @property
    def results(self) -> Path | None:
        """Where its results are kept; None for a model that is no run of ours."""
        if self.run is None:
            return None
        return self.run.evaluation if self.checkpoint is None else self.run.checkpoint_evaluation(self.checkpoint)

    @property
    def words_seen(self) -> int | None:
        """Words of training text (repeats counted) that the model has seen; None when nothing tells."""
        folder = Path(self.source)
        files = [folder / CHECKPOINT_FACTS, folder / "babyllama_state.json"]
        if self.run is not None and self.checkpoint is None:
            files.append(self.run.metrics)
        for file in files:
            try:
                value = read_object(file).get("words_seen")
            except (OSError, ValueError):
                continue
            if isinstance(value, int):
                return value
        # Checkpoints of the BabyLM schedule carry it in their name, whoever saved them.
        return words_of(folder)


def newest_run(folder: str | Path) -> RunPaths:
    """The finished run below `folder` (or below a folder in it, as those of studies are) that ended last.

    CheckpointError when there is none.
    """
    finished = [
        RunPaths(file.parent)
        for pattern in ("*/training_metrics.json", "*/*/training_metrics.json")
        for file in Path(folder).glob(pattern)
        if (file.parent / "final" / "config.json").is_file()
    ]
    if not finished:
        raise CheckpointError(
            f"no finished run in {folder}: train one (babyllama quickstart makes a small one), or name a model."
        )
    return max(finished, key=lambda run: run.metrics.stat().st_mtime_ns)


def locate_model(path_or_name: str | Path) -> ModelPlace:
    """The model that `path_or_name` means.

    CheckpointError when a path holds no model, or when it is neither a path nor a possible Hub name.
    """
    text = str(path_or_name)
    if has_control_characters(text) or not is_utf8(text):
        raise CheckpointError(f"no model at {one_line(text)!a}: its name holds characters that are no text. Rename it.")
    path = Path(text).expanduser()
    if not path.exists():
        if _could_be_hub_name(text):
            return ModelPlace(text)
        raise CheckpointError(
            f"no model at {text}: the folder does not exist. Name a run folder, a model folder or a Hub model."
        )
    if path.is_file():
        raise CheckpointError(f"{text} is a file; a model is a folder with config.json and weights (or a run folder).")
    if (path / "config.json").is_file():
        run, checkpoint = _enclosing_run(path)
        return ModelPlace(str(path), run, checkpoint)
    run = RunPaths(path)
    if (run.final / "config.json").is_file():
        return ModelPlace(str(run.final), run)
    if run.config.exists() or run.checkpoints.exists():
        raise CheckpointError(
            f"the run {text} has no finished model in {run.final.name}/. Finish the training (train.py ... "
            f"--resume_from_checkpoint), or name one of its checkpoints: {_checkpoint_names(run)}."
        )
    raise CheckpointError(f"{text} holds no model: there is neither config.json nor final/config.json in it.")


_HUB_NAME = re.compile(r"([A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]{0,95}", re.ASCII)


def _could_be_hub_name(text: str) -> bool:
    """`name` or `owner/name`; a path below a folder that exists here is meant as a path."""
    local = "/" in text and Path(text).parent.is_dir()
    return _HUB_NAME.fullmatch(text) is not None and not local and ".." not in text and "--" not in text


def _enclosing_run(path: Path) -> tuple[RunPaths | None, str | None]:
    resolved = path.resolve()
    for depth, parent in enumerate(resolved.parents[:2]):
        run = RunPaths(parent)
        if depth == 0 and resolved == run.final and run.is_run:
            return run, None
        if depth == 1 and resolved.parent == run.checkpoints:
            return run, resolved.name
    return None, None


def _checkpoint_names(run: RunPaths) -> str:
    names = sorted(p.name for p in run.checkpoints.iterdir() if p.is_dir()) if run.checkpoints.is_dir() else []
    return ", ".join(f"{run.checkpoints}/{name}" for name in names[-3:]) or "none yet"
