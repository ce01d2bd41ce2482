"""Files that are whole or absent: atomic writes, content fingerprints, manifests; and `RunPaths`, where a run has them.

Every stage writes one file or one folder and a `manifest.json` with it. A later run reuses the artifact when
`Manifest.stale_reason` is None and rebuilds it otherwise, saying why. Writes go to a temporary name beside the target,
are flushed to disk and renamed into place, so a kill at any moment leaves the old artifact or the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from babyllama.errors import DamagedFileError, RunError
from babyllama.run_paths import RunPaths as RunPaths

MANIFEST_NAME = "manifest.json"
_TEMPORARY_PREFIX = ".tmp-"


# ---------------------------------------------------------------------------------------------------------------------
# Atomic writes


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` durable; file systems that cannot sync a folder are left to their own order."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _make_parent(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"cannot create {path.parent}: {error.strerror or error}. Choose a folder you may write to."
        ) from error


@contextlib.contextmanager
def atomic_file(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path` for writing; it becomes `path` when the block ends without an exception.

    `mode` is "w" (UTF-8 text, newlines kept as written) or "wb". On an exception nothing of the new content remains.
    """
    path = Path(path)
    _make_parent(path)
    encoding, newline = (None, None) if "b" in mode else ("utf-8", "\n")
    try:
        _clear_leftovers(path)
        descriptor, name = tempfile.mkstemp(prefix=_temporary_prefix(path, os.getpid()), dir=path.parent)
    except OSError as error:
        raise RunError(
            f"cannot write into {path.parent}: {error.strerror or error}. Choose a folder you may write to."
        ) from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, mode, encoding=encoding, newline=newline) as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        # mkstemp makes private files; an artifact is as readable as any file the user makes.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_file(path) as handle:
        handle.write(text)


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> Any:
    """The JSON value in `path`; `DamagedFileError` when it holds something else."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedFileError(
            f"{path} is damaged: {error}. Put it back from a copy, or remove it and run the command that writes it again."
        ) from error


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it replaces `path` when the block ends without an exception.

    An existing `path` stays as it was until the new folder is complete and on disk. Files are flushed before the
    rename. Between the two renames of a replacement a kill leaves the old folder under a hidden name, which
    `recover_folder` puts back; stages call that before they look for their artifact.
    """
    path = Path(path)
    _make_parent(path)
    recover_folder(path)
    try:
        _clear_leftovers(path)
        temporary = Path(tempfile.mkdtemp(prefix=_temporary_prefix(path, os.getpid()), dir=path.parent))
    except OSError as error:
        raise RunError(
            f"cannot write into {path.parent}: {error.strerror or error}. Choose a folder you may write to."
        ) from error
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with file.open("rb") as handle:
                    os.fsync(handle.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o777 & ~umask)
        if path.exists():
            os.replace(path, _retired(path))
        os.replace(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        recover_folder(path)
        raise
    sync_folder(path.parent)
    shutil.rmtree(_retired(path), ignore_errors=True)


def recover_folder(path: str | Path) -> None:
    """Undo a replacement of `path` that a kill interrupted, and drop what it left over when `path` is whole."""
    path = Path(path)
    retired = _retired(path)
    if retired.exists():
        if path.exists():
            shutil.rmtree(retired, ignore_errors=True)
        else:
            os.replace(retired, path)


def _temporary_prefix(path: Path, process: int | str) -> str:
    """Temporary names say whose they are, so that those of a killed process can be told from those in use.

    A process number means something on one machine only, so on a shared file system the machine is named as well.
    """
    machine = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
    return f"{_TEMPORARY_PREFIX}{path.name}-{machine}-{process}-"


def _clear_leftovers(path: Path) -> None:
    """Remove what killed processes of this machine left of their attempts to write `path`: it may be gigabytes."""
    pattern = re.compile(re.escape(_temporary_prefix(path, "")[:-1]) + r"(\d+)-[^-]+")
    for entry in os.scandir(path.parent):
        match = pattern.fullmatch(entry.name)
        if match is None or _is_running(int(match[1])):
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            Path(entry.path).unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextlib.contextmanager
def sole_builder(path: str | Path) -> Iterator[None]:
    """Let one process at a time build `path`; the others wait, and then find it built.

    Where no lock file can be made nothing can be built either: what is there may be reused, and who writes says why not.
    """
    path = Path(path)
    with contextlib.ExitStack() as stack:
        # fcntl is absent on Windows, where several processes must not build the same artifact at once.
        with contextlib.suppress(OSError, ImportError):
            import fcntl

            path.parent.mkdir(parents=True, exist_ok=True)
            handle = stack.enter_context((path.parent / f".lock-{path.name}").open("w"))
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _retired(path: Path) -> Path:
    return path.parent / f".old-{path.name}"


# ---------------------------------------------------------------------------------------------------------------------
# Fingerprints and manifests


def fingerprint_file(path: str | Path) -> str:
    """SHA-256 of the file's bytes, as `sha256:<hex>`."""
    with Path(path).open("rb") as handle:
        return "sha256:" + hashlib.file_digest(handle, "sha256").hexdigest()


def fingerprint_files(paths: Iterable[str | Path]) -> str:
    """One fingerprint of several files in the given order; names do not count, so a moved corpus is the same corpus."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(fingerprint_file(path).encode())
    return "sha256:" + digest.hexdigest()


def fingerprint_value(value: Any) -> str:
    """SHA-256 of a JSON-like value with sorted keys, as `sha256:<hex>`."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def package_versions(*names: str) -> dict[str, str]:
    """Installed versions of `names` (none: the packages that shape a run) and of Python, without importing them."""
    names = names or ("babyllama", "torch", "transformers", "tokenizers", "datasets", "accelerate", "numpy")
    versions = {"python": platform.python_version()}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


@dataclass(frozen=True)
class Manifest:
    """What a stage read, which settings shaped it, the versions it ran under and what came out."""

    stage: str
    inputs: dict[str, str]
    """Name of each input -> its content fingerprint."""
    settings: dict[str, Any]
    """Every setting that changes the artifact's content."""
    outputs: dict[str, Any] = field(default_factory=dict)
    """Facts about the artifact: counts, fingerprints, shares. Never compared."""
    versions: dict[str, str] = field(default_factory=package_versions)

    def write(self, path: str | Path) -> None:
        """Write to `path`: a folder (its `manifest.json`) or the manifest file itself. Call it last in a stage."""
        path = Path(path)
        write_json(path / MANIFEST_NAME if path.is_dir() else path, asdict(self))

    @classmethod
    def read(cls, path: str | Path) -> Manifest | None:
        """The manifest in `path` (a folder or the manifest file), or None when there is none that can be read."""
        path = Path(path)
        try:
            return cls(**read_json(path / MANIFEST_NAME if path.is_dir() else path))
        except (OSError, ValueError, TypeError):
            return None

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


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    missing = object()
    return sorted(name for name in {*old, *new} if old.get(name, missing) != new.get(name, missing))
