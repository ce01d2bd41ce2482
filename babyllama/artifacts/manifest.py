"""The `manifest.json` beside an artifact: what went in, which settings shaped it, which files came out and what they held."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from babyllama.artifacts.files import read_sealed, write_sealed
from babyllama.artifacts.fingerprints import fingerprint_file, package_versions

MANIFEST_NAME = "manifest.json"
HASHED_UP_TO = 1_000_000_000
"""Bytes up to which a file is hashed at every opening; a larger one is known by its size and time of change."""

FileFacts = dict[str, Any]
"""bytes, fingerprint and modified (nanoseconds) of a file when it was written."""


def file_facts(folder: Path, names: Iterable[str] | None = None) -> dict[str, FileFacts]:
    """What `damaged_file` compares: facts of the files `names` in `folder`, by default of all below it but the manifest."""
    if names is None:
        found = (file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
        names = [file.relative_to(folder).as_posix() for file in found]
    facts = {}
    for name in sorted(set(names) - {MANIFEST_NAME}):
        status = (folder / name).stat()
        facts[name] = {
            "bytes": status.st_size,
            "fingerprint": fingerprint_file(folder / name),
            "modified": status.st_mtime_ns,
        }
    return facts


def damaged_file(folder: Path, files: Mapping[str, FileFacts]) -> str | None:
    """What is wrong with the `files` in `folder`, in words; None when each is what it was when it was written.

    Files up to `HASHED_UP_TO` bytes are hashed, larger ones compared by size and time of change.
    """
    for name, facts in files.items():
        file = folder / name
        if not file.is_file():
            return f"{name} is missing"
        status = file.stat()
        if status.st_size != facts["bytes"]:
            return f"{name} has {status.st_size:,} bytes instead of {facts['bytes']:,}"
        if status.st_size > HASHED_UP_TO:
            if status.st_mtime_ns != facts.get("modified"):
                return f"{name} was changed since it was written"
        elif fingerprint_file(file) != facts["fingerprint"]:
            return f"the content of {name} has changed since it was written"
    return None


@dataclass(frozen=True)
class Manifest:
    """What a stage read, which settings shaped it, the versions it ran under and what came out."""

    stage: str
    inputs: dict[str, str]
    """Name of each input -> its content fingerprint."""
    settings: dict[str, Any]
    """Every setting that changes the artifact's content."""
    outputs: dict[str, Any] = field(default_factory=dict)
    """Facts about the artifact: counts, shares. Never compared."""
    versions: dict[str, str] = field(default_factory=package_versions)
    files: dict[str, FileFacts] = field(default_factory=dict)
    """Name of each file of the artifact -> its facts, see `file_facts`."""

    def write(self, path: str | Path) -> None:
        """Write to `path`: a folder (its `manifest.json`) or the manifest file itself. Call it last in a stage."""
        path = Path(path)
        write_sealed(path / MANIFEST_NAME if path.is_dir() else path, asdict(self))

    @classmethod
    def read(cls, path: str | Path) -> Manifest | None:
        """The manifest in `path` (a folder or the manifest file), or None when there is none that is as it was written."""
        path = Path(path)
        try:
            values = read_sealed(path / MANIFEST_NAME if path.is_dir() else path)
            manifest = cls(**values)
        except (OSError, ValueError, TypeError):
            return None
        return manifest if manifest._is_well_formed() else None

    def _is_well_formed(self) -> bool:
        tables = (self.inputs, self.settings, self.outputs, self.versions, self.files)
        files = self.files.values() if isinstance(self.files, dict) else ()
        return (
            isinstance(self.stage, str)
            and all(isinstance(table, dict) for table in tables)
            and all(isinstance(facts, dict) and {"bytes", "fingerprint"} <= set(facts) for facts in files)
            and all(isinstance(facts["bytes"], int) for facts in files)
        )

    def stale_reason(self, inputs: Mapping[str, str], settings: Mapping[str, Any]) -> str | None:
        """Why an artifact with this manifest does not fit `inputs` and `settings`, in words; None when it fits."""
        changed = _differences(self.inputs, dict(inputs))
        if changed:
            return "changed input: " + ", ".join(changed)
        # Settings go through JSON so that tuples and enums compare as they were written.
        wanted = json.loads(json.dumps(dict(settings), default=str))
        changed = _differences(self.settings, wanted)
        if changed:
            return "changed setting: " + ", ".join(
                f"{name} {self.settings.get(name)!r} -> {wanted.get(name)!r}" for name in changed
            )
        return None

    def damage(self, folder: Path) -> str | None:
        """What is wrong with the artifact's files in `folder`, in words; None when they are whole."""
        return damaged_file(folder, self.files) if self.files else "its manifest names no files"


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    missing = object()
    return sorted(name for name in {*old, *new} if old.get(name, missing) != new.get(name, missing))
