"""Atomic writes, and reads that end in one line: a kill at any moment leaves the old file or the new one.

Writes go to a temporary name beside the target, are flushed to disk and renamed into place. Reads refuse what is no
regular file (a pipe would wait for ever) and say what is wrong with one that is damaged.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import platform
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from babyllama.errors import DamagedFileError, RunError

_TEMPORARY_PREFIX = ".tmp-"
_RETIRED_PREFIX = ".babyllama-old-"
"""A folder that is being replaced waits under this name until the new one is in place."""


# ---------------------------------------------------------------------------------------------------------------------
# Writing


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


def _not_writable(path: Path, error: OSError) -> RunError:
    return RunError(f"cannot write into {path.parent}: {error.strerror or error}. Choose a folder you may write to.")


@contextlib.contextmanager
def atomic_file(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path` for writing; it becomes `path` when the block ends without an exception.

    `mode` is "w" (UTF-8 text, newlines kept as written) or "wb". On an exception nothing of the new content remains.
    """
    path = Path(path)
    _make_parent(path)
    if path.is_dir():
        raise RunError(f"{path} is a folder, and a file belongs there. Move it away, and run the same command again.")
    encoding, newline = (None, None) if "b" in mode else ("utf-8", "\n")
    try:
        _clear_leftovers(path)
        descriptor, name = tempfile.mkstemp(prefix=_temporary_prefix(path, os.getpid()), dir=path.parent)
    except OSError as error:
        raise _not_writable(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, mode, encoding=encoding, newline=newline) as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        # mkstemp makes private files; an artifact is as readable as any file the user makes.
        temporary.chmod(0o666 & ~_umask())
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


def write_array(path: str | Path, array: Any) -> None:
    """Write a numpy array as .npy, atomically."""
    import numpy

    data = io.BytesIO()  # numpy's own writing to a file forgets why it failed: a full disk has no errno
    numpy.save(data, array)
    with atomic_file(path, "wb") as handle:
        handle.write(data.getbuffer())


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
        raise _not_writable(path, error) from error
    try:
        yield temporary
        flush_folder(temporary)
        replace_folder(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        recover_folder(path)
        raise


def flush_folder(folder: Path) -> None:
    """Bring every file below `folder` to disk, as readable as any file the user makes (some libraries write private ones)."""
    umask = _umask()
    for entry in folder.rglob("*"):
        if entry.is_symlink():
            continue
        if entry.is_file():
            entry.chmod((entry.stat().st_mode | 0o666) & ~umask)
            with entry.open("rb") as handle:
                os.fsync(handle.fileno())
    folder.chmod(0o777 & ~umask)


def replace_folder(temporary: Path, path: Path) -> None:
    """Put the complete folder `temporary` in the place of `path`, which goes only when the new one is there."""
    if path.exists():
        os.replace(path, _retired(path))
    os.replace(temporary, path)
    sync_folder(path.parent)
    shutil.rmtree(_retired(path), ignore_errors=True)


def recover_folder(path: str | Path) -> None:
    """Undo a replacement of `path` that a kill interrupted, and drop what it left over when `path` is whole."""
    path = Path(path)
    retired = _retired(path)
    if retired.is_symlink() or not retired.is_dir():
        return
    if path.exists():
        shutil.rmtree(retired, ignore_errors=True)
    else:
        os.replace(retired, path)


def recover_folders(parent: Path) -> None:
    """`recover_folder` for every folder of `parent` whose replacement was interrupted."""
    for retired in parent.glob(f"{_RETIRED_PREFIX}*"):
        recover_folder(parent / retired.name.removeprefix(_RETIRED_PREFIX))


def _retired(path: Path) -> Path:
    return path.parent / f"{_RETIRED_PREFIX}{path.name}"


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


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
        if match is None or is_running(int(match[1])):
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            Path(entry.path).unlink(missing_ok=True)


def is_running(process: int) -> bool:
    """Is there a process of this number on this machine?"""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


# ---------------------------------------------------------------------------------------------------------------------
# Reading


@contextlib.contextmanager
def open_regular(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a regular file for reading; `DamagedFileError` for a folder, a pipe or a device, which could wait for ever."""
    # Opened without waiting, then looked at: a pipe that takes the file's place in between is seen too.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as handle:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise DamagedFileError(f"{path} is no file; something else has its name. Move it away.")
        yield handle


def read_bytes(path: str | Path) -> bytes:
    """The content of a regular file."""
    try:
        with open_regular(path) as handle:
            return handle.read()
    except IsADirectoryError as error:
        raise DamagedFileError(f"{path} is a folder, and a file belongs there. Move it away.") from error


def read_text(path: str | Path) -> str:
    """The UTF-8 text of a regular file, without a byte-order mark; `DamagedFileError` when it is something else."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DamagedFileError(f"{path} is damaged: it is not UTF-8 text (byte {error.start}). {_MEND}") from error


def read_json(path: str | Path) -> Any:
    """The JSON value in `path`; `DamagedFileError` when it holds something else."""
    try:
        return json.loads(read_text(path))
    except DamagedFileError:
        raise
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise DamagedFileError(f"{path} is damaged: {reason}. {_MEND}") from error


def read_object(path: str | Path) -> dict[str, Any]:
    """The JSON object in `path`; `DamagedFileError` when it holds something else."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise DamagedFileError(f"{path} is damaged: it holds no JSON object but {type(value).__name__}. {_MEND}")
    return value


_MEND = "Put it back from a copy, or remove it and run the command that writes it again."


# ---------------------------------------------------------------------------------------------------------------------
# Sealed records

_SEAL = "seal"


def write_sealed(path: str | Path, value: dict[str, Any]) -> None:
    """Write a JSON object with a seal, the fingerprint of the rest, by which a changed digit is noticed."""
    write_json(path, {**value, _SEAL: _seal(value)})


def read_sealed(path: str | Path) -> dict[str, Any]:
    """The object that `write_sealed` wrote, without its seal; `DamagedFileError` when it is not as it was written."""
    value = read_object(path)
    seal = value.pop(_SEAL, None)
    if seal is None:
        raise DamagedFileError(f"{path} is damaged: it has no {_SEAL}, so it was not written by this version. {_MEND}")
    if seal != _seal(value):
        raise DamagedFileError(f"{path} is damaged: its content has changed since it was written. {_MEND}")
    return value


def _seal(value: dict[str, Any]) -> str:
    # Through JSON first, so that what is sealed is what will be read.
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
