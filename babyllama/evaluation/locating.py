"""Where a model is: a run folder, a final folder, a checkpoint or a Hub name, and what its folder tells about it."""

from __future__ import annotations

import re
from pathlib import Path

from babyllama.artifacts import RunPaths, read_json
from babyllama.errors import CheckpointError


def locate_model(path_or_name: str | Path) -> tuple[str, RunPaths | None, str | None]:
    """(folder or Hub name to load, run folder it belongs to, name of the checkpoint or None for the final model).

    CheckpointError when a path holds no model, or when it is neither a path nor a possible Hub name.
    """
    text = str(path_or_name)
    path = Path(text).expanduser()
    if not path.exists():
        if _could_be_hub_name(text):
            return text, None, None
        raise CheckpointError(
            f"no model at {text}: the folder does not exist. Name a run folder, a model folder or a Hub model."
        )
    if path.is_file():
        raise CheckpointError(f"{text} is a file; a model is a folder with config.json and weights (or a run folder).")
    if (path / "config.json").is_file():
        run, checkpoint = _enclosing_run(path)
        return str(path), run, checkpoint
    run = RunPaths(path)
    if (run.final / "config.json").is_file():
        return str(run.final), run, None
    if run.config.exists() or run.checkpoints.exists():
        raise CheckpointError(
            f"the run {text} has no finished model in {run.final.name}/. Finish the training (train.py ... "
            f"--resume_from_checkpoint), or name one of its checkpoints: {_checkpoint_names(run)}."
        )
    raise CheckpointError(f"{text} holds no model: there is neither config.json nor final/config.json in it.")


def display_name(source: str, run: RunPaths | None, checkpoint: str | None) -> str:
    """What tables call a model: the run's name, `run/checkpoint`, the folder's name or the Hub name."""
    if run is None:
        return source.rstrip("/") if not Path(source).is_dir() else Path(source).resolve().name
    name = run.root.resolve().name
    return name if checkpoint is None else f"{name}/{checkpoint}"


def words_seen(source: str, run: RunPaths | None, checkpoint: str | None) -> int | None:
    """Words of training text (repeats counted) that the model in `source` has seen; None when nothing tells."""
    folder = Path(source)
    files = [folder / "checkpoint.json", folder / "babyllama_state.json"]
    if run is not None and checkpoint is None:
        files.append(run.metrics)
    for file in files:
        try:
            value = read_json(file).get("words_seen")
        except (OSError, ValueError, AttributeError):
            continue
        if isinstance(value, int):
            return value
    # Checkpoints of the BabyLM schedule carry it in their name, whoever saved them.
    match = re.fullmatch(r"chck_(\d+)([kMB])", folder.name)
    return int(match.group(1)) * {"k": 10**3, "M": 10**6, "B": 10**9}[match.group(2)] if match else None


def _could_be_hub_name(text: str) -> bool:
    """`name` or `owner/name`; a path below a folder that exists here is meant as a path."""
    parts = text.split("/")
    plain = all(part and part.strip(".") and not part.startswith(("-", "~")) for part in parts)
    local = len(parts) == 2 and Path(parts[0]).is_dir()
    return len(parts) <= 2 and plain and not local and not text.startswith((".", "/")) and "\\" not in text


def _enclosing_run(path: Path) -> tuple[RunPaths | None, str | None]:
    resolved = path.resolve()
    for depth, parent in enumerate(resolved.parents[:2]):
        run = RunPaths(parent)
        if depth == 0 and resolved == run.final and (run.run.exists() or run.config.exists()):
            return run, None
        if depth == 1 and resolved.parent == run.checkpoints:
            return run, resolved.name
    return None, None


def _checkpoint_names(run: RunPaths) -> str:
    names = sorted(p.name for p in run.checkpoints.iterdir() if p.is_dir()) if run.checkpoints.is_dir() else []
    return ", ".join(f"{run.checkpoints}/{name}" for name in names[-3:]) or "none yet"
