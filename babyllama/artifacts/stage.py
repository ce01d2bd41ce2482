"""A stage: inputs, settings and a function that writes; whether to write at all, and writing safely, is decided here.

    built = build_or_reuse(folder, "mix", inputs=..., settings=..., write=write)

Mixing, tokenizer, packing, synthetic text and evaluation are such stages. The artifact is a folder with a manifest. One
whose manifest fits inputs and settings and whose files are what they were is reused, and said so; any other is built
anew, with the reason said.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babyllama import console
from babyllama.artifacts.files import atomic_folder, flush_folder, recover_folder, sync_folder
from babyllama.artifacts.locks import sole_builder
from babyllama.artifacts.manifest import MANIFEST_NAME, Manifest, file_facts
from babyllama.errors import RunError

_LEFT_BY_OTHERS = frozenset({".DS_Store", ".gitkeep", "desktop.ini"})
"""Files of file managers and version control, which may go with an artifact's folder."""

_MERGING = ".tmp-stage-"


@dataclass(frozen=True)
class Built:
    """An artifact that is there now."""

    path: Path
    manifest: Manifest
    reused: bool
    reason: str | None
    """Why it was written; None when it was reused, "not there yet" when there was none."""


def build_or_reuse(
    path: str | Path,
    stage: str,
    *,
    inputs: Mapping[str, str],
    settings: Mapping[str, Any],
    write: Callable[[Path], dict[str, Any]],
    title: str | None = None,
    overwrite: bool = False,
    in_place: bool = False,
    own: Callable[[str], bool] | Collection[str] | None = None,
    also_damaged: Callable[[Manifest], str | None] = lambda manifest: None,
) -> Built:
    """Make the folder `path` hold the artifact of `stage` for `inputs` (fingerprints) and `settings`.

    `write(folder)` fills an empty temporary folder and returns facts for the manifest's `outputs`; it becomes `path` whole
    or not at all. With `in_place` its files are put among others that `path` holds (the manifest first, so that a kill
    between two files is found as damage). `own` names the files of this stage: where `path` holds any others, it is
    somebody else's and `RunError`; None: the folder is a cache of ours, whatever it holds. `also_damaged` may find more
    that is wrong with the artifact. One process at a time; others wait and then find it built.
    """
    path = Path(path)
    title = title or f"{stage} {path}"
    with sole_builder(path):
        recover_folder(path)
        manifest = Manifest.read(path) if path.is_dir() else None
        reason: str | None = "not there yet"
        if overwrite:
            reason = "asked to"
        elif manifest is not None and manifest.stage == stage:
            reason = manifest.stale_reason(inputs, settings) or manifest.damage(path) or also_damaged(manifest)
        elif manifest is None and (path / MANIFEST_NAME).exists():
            reason = f"its {MANIFEST_NAME} is damaged"
        elif path.is_dir() and any(path.iterdir()) and not in_place:
            reason = f"it has no {MANIFEST_NAME} of this stage"
        if reason is None and manifest is not None:
            console.say(f"{title}: up to date, reused")
            return Built(path, manifest, reused=True, reason=None)
        if own is not None and not in_place:
            refuse_foreign(path, own)
        if reason != "not there yet":
            console.say(f"{title}: made again ({reason})")
        with _merged(path) if in_place else atomic_folder(path) as temporary:
            outputs = write(temporary)
            manifest = Manifest(stage, dict(inputs), dict(settings), outputs, files=file_facts(temporary))
            manifest.write(temporary)
        return Built(path, manifest, reused=False, reason=reason)


def refuse_foreign(path: Path, own: Callable[[str], bool] | Collection[str]) -> None:
    """Raise `RunError` when `path` holds what this stage did not write: replacing the folder would lose it."""
    if not path.exists():
        return
    if not path.is_dir():
        raise RunError(f"{path} is a file where a folder should go. Move it away, or choose another place.")
    is_own = own if callable(own) else own.__contains__
    kept = {entry.name for entry in path.iterdir()} - {MANIFEST_NAME} - _LEFT_BY_OTHERS
    foreign = sorted(name for name in kept if not is_own(name))
    if foreign:
        named = ", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else "")
        damaged = (path / MANIFEST_NAME).exists() and Manifest.read(path) is None
        made = (
            f"of which a damaged {MANIFEST_NAME} cannot say that they were made here"
            if damaged
            else "that were not made here"
        )
        raise RunError(
            f"{path} holds files {made} ({named}), which writing there would replace. Move them away, or name a folder of its own."
        )


@contextlib.contextmanager
def _merged(path: Path) -> Iterator[Path]:
    """An empty folder whose files replace those of the same name in `path` when the block ends without an exception."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        # The stage's lock is held, so whatever has such a name was left by a killed process.
        for leftover in path.glob(f"{_MERGING}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(prefix=_MERGING, dir=path))
    except OSError as error:
        raise RunError(
            f"cannot write into {path}: {error.strerror or error}. Choose a folder you may write to."
        ) from error
    try:
        yield temporary
        flush_folder(temporary)
        names = sorted((file.name for file in temporary.iterdir()), key=lambda name: (name != MANIFEST_NAME, name))
        for name in names:
            os.replace(temporary / name, path / name)
        sync_folder(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
