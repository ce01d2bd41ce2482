"""run.json: what a run is made from and what it decided once; written here alone."""

from __future__ import annotations

import os
import shlex
import sys
import types
import typing
from dataclasses import MISSING, asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from babyllama.artifacts import damaged_file, file_facts, package_versions, read_sealed, write_sealed
from babyllama.errors import DamagedFileError
from babyllama.runs.paths import RunPaths

Made = TypeVar("Made")


def command_line() -> str:
    """How this process was started, as one would type it."""
    return shlex.join([os.path.basename(sys.argv[0]), *sys.argv[1:]])


@dataclass
class Decisions:
    """What a run decides once and finds again when it is resumed; None where nothing has been decided yet."""

    micro_batch: int | None = None
    """Sequences per device in one forward pass, chosen for `batch_size: auto`."""
    compile: bool | None = None
    """Whether `torch_compile: auto` compiles."""
    tracker_id: str | None = None
    """Run id at the trackers, so that a resumed run goes on in the same curve."""


@dataclass
class RunRecord:
    """What run.json holds."""

    name: str
    started: str
    """When the run began, ISO 8601, UTC."""
    command: str
    """The command line of the newest session."""
    directory: str
    """The working directory of training, relative to the run folder: relative paths of the configuration start there."""
    seed: int
    synthetic: bool
    """Whether the training text is generated."""
    fingerprints: dict[str, str]
    """Of the configuration, the tokenizer, the training text and the held-out text."""
    device: str = ""
    precision: str = ""
    threads: int = 0
    versions: dict[str, str] = field(default_factory=package_versions)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Facts of the files that are written once, at the start: configuration, token counts, tokenizer."""
    datasets: dict[str, str] = field(default_factory=dict)
    """Hub names of the data sets behind the text, as far as known, each with the licence that the Hub stated or ""."""
    objective: dict[str, Any] = field(default_factory=dict)
    """What a reader must know about what was learned, beside the configuration; rows of the card."""
    decisions: Decisions = field(default_factory=Decisions)

    @classmethod
    def new(cls, name: str, **facts: Any) -> RunRecord:
        """The record of a run that begins now, by this command; `facts` are further fields."""
        began = datetime.now(UTC).isoformat(timespec="seconds")
        defaults: dict[str, Any] = {"directory": ".", "seed": 42, "synthetic": False, "fingerprints": {}}
        return cls(name=name, started=began, command=command_line(), **defaults | facts)

    @staticmethod
    def relative_directory(root: Path) -> str:
        """The current working directory as `directory` wants it."""
        return os.path.relpath(Path.cwd(), root.resolve())

    @classmethod
    def load(cls, paths: RunPaths) -> RunRecord:
        """The record of the run; `DamagedFileError` when it is not as it was written, FileNotFoundError when there is none."""
        values = read_sealed(paths.record)
        decisions = values.pop("decisions", {})
        return from_values(cls, {**values, "decisions": from_values(Decisions, decisions, paths.record)}, paths.record)

    def save(self, paths: RunPaths) -> None:
        """Write run.json."""
        write_sealed(paths.record, asdict(self))

    def seal_files(self, paths: RunPaths) -> None:
        """Remember what the files hold that are written once."""
        once = [
            paths.config,
            paths.token_counts,
            *sorted(file for file in paths.tokenizer.rglob("*") if file.is_file()),
        ]
        names = [file.relative_to(paths.root).as_posix() for file in once if file.is_file()]
        self.files = file_facts(paths.root, names)

    def check_file(self, file: Path, root: Path) -> None:
        """`DamagedFileError` unless `file` (or the files below it) of the run is what it was when the run began."""
        name = file.relative_to(root).as_posix()
        facts = {key: value for key, value in self.files.items() if key == name or key.startswith(f"{name}/")}
        problem = damaged_file(root, facts)
        if problem:
            raise DamagedFileError(
                f"{root} is damaged: {problem}. Put the file back from a copy, or train the run again with --overwrite."
            )

    def resolve(self, root: Path, path: str) -> str:
        """A path of the run's configuration as it was meant, whatever the working directory is now."""
        return path if os.path.isabs(path) else os.path.normpath(os.path.join(root, self.directory, path))


def from_values(kind: type[Made], values: dict[str, Any], path: Path) -> Made:
    """A dataclass from the JSON object in `path`; keys of other versions are left out.

    `DamagedFileError` when a key is missing or has another type.
    """
    names = typing.get_type_hints(kind)
    known = {name: value for name, value in values.items() if name in names}
    odd = [f"{name} is {type(value).__name__}" for name, value in known.items() if not _fits(value, names[name])]
    missing = [one.name for one in fields(kind) if one.name not in known and _required(one)]  # type: ignore[arg-type]
    if odd or missing:
        problem = "; ".join([*odd, *(f"{name} is missing" for name in missing)])
        raise DamagedFileError(f"{path} is damaged: {problem}. Put it back from a copy, or train the run again.")
    return kind(**known)


def _required(one: Any) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _fits(value: Any, annotation: Any) -> bool:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    kinds = {typing.get_origin(kind) or kind for kind in (typing.get_args(annotation) if union else (annotation,))}
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, tuple(kinds)) or (float in kinds and isinstance(value, int))
