"""The results of evaluations in a run's folder: each names its model, its data and its settings, and is sealed.

`<name>.json` holds the numbers; what else belongs to a result (a table, every single decision) lies beside it under the same
name. A result counts as up to date only when model, data and settings are those it was made with. Files that no
evaluation wrote are no results.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from babyllama.artifacts import atomic_file, damaged_file, file_facts, package_versions, read_json, read_sealed
from babyllama.artifacts.files import write_sealed
from babyllama.errors import DamagedFileError

_OWN = ("task", "kind", "inputs", "settings", "evaluated", "versions", "files")


@dataclass(frozen=True)
class StoredResult:
    """One result as it is kept."""

    name: str
    """The stem of its files: `blimp`, `perplexity`, `blimp_babylm-2025` ..."""
    task: str
    """The task that made it."""
    kind: str
    """What sort of numbers it holds, which decides how it is shown and compared."""
    numbers: dict[str, Any]
    inputs: dict[str, str]
    """Fingerprints of the model and of the data."""
    settings: dict[str, Any]
    """Everything else that decides the numbers."""
    evaluated: dict[str, Any] = field(default_factory=dict)
    """Facts about the model for readers: its name, parameters, words seen, ..."""
    versions: dict[str, str] = field(default_factory=lambda: package_versions("torch", "transformers", "babyllama"))
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Facts of the files beside it."""

    @property
    def words_seen(self) -> int | None:
        """Words of training text that the model had seen, where that is known."""
        return self.evaluated.get("words_seen")

    def stale_reason(self, inputs: Mapping[str, str], settings: Mapping[str, Any]) -> str | None:
        """Why this is not the result of that model, data and settings; None when it is."""
        for what, old, new in (("input", self.inputs, inputs), ("setting", self.settings, settings)):
            changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
            if changed:
                return f"changed {what}: {', '.join(changed)}"
        return None


def save_result(folder: Path, result: StoredResult, beside: Mapping[str, Iterable[str]]) -> Path:
    """Write `result` into `folder`; `beside` are the lines of each further file by its name. The old result goes first."""
    path = folder / f"{result.name}.json"
    taken = sorted(set(_OWN) & set(result.numbers))
    if taken:
        raise ValueError(f"the numbers of a result must not be called {', '.join(taken)}")
    # Without it the files below belong to no result; a kill between them leaves a result that is not there.
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    for name, lines in beside.items():
        with atomic_file(folder / name) as handle:
            handle.writelines(lines)
    value = {
        "task": result.task,
        "kind": result.kind,
        **result.numbers,
        "inputs": result.inputs,
        "settings": result.settings,
        "evaluated": result.evaluated,
        "versions": result.versions,
        "files": file_facts(folder, list(beside)),
    }
    write_sealed(path, value)
    return path


def load_result(path: Path) -> StoredResult | None:
    """The result in `path`; None when no evaluation wrote that file, `DamagedFileError` when it is not as it was written."""
    try:
        found = read_json(path)
    except FileNotFoundError:
        return None
    if not isinstance(found, dict) or not {"task", "kind", "seal"} <= set(found):
        return None
    value = read_sealed(path)
    if not all(isinstance(value.get(key), dict) for key in _OWN[2:]):
        raise DamagedFileError(f"{path} is damaged: it is no whole result. Remove it and evaluate again.")
    problem = damaged_file(path.parent, value["files"])
    if problem:
        raise DamagedFileError(f"{path} is damaged: {problem}. Remove it and evaluate again.")
    own = {key: value.pop(key) for key in _OWN}
    return StoredResult(name=path.stem, numbers=value, **own)


def load_results(folder: Path) -> list[StoredResult]:
    """Every result in `folder`, by name; `DamagedFileError` when one is not as it was written."""
    if not folder.is_dir():
        return []
    return [found for file in sorted(folder.glob("*.json")) if (found := load_result(file)) is not None]


def result_name(*parts: str) -> str:
    """A name for a result's files, of characters that every file system takes."""
    return re.sub(r"[^\w.-]+", "_", "_".join(parts))
