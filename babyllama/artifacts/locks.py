"""Locks between processes: one builder of an artifact at a time, and one owner of a folder.

Locks are the operating system's (flock): they end with the process that holds them, however it ends. A lock file is
opened without following a link and never emptied by somebody who does not hold it.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babyllama.errors import RunError


class Lock:
    """An exclusive lock on a file, held from `acquire` until `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, *, wait: bool) -> bool:
        """Take the lock; False when another process holds it and `wait` is off. OSError where no lock can be made.

        On systems without flock (Windows) the lock is always granted: two processes must not write there at once.
        """
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            import fcntl
        except ImportError:
            return True
        while True:
            descriptor = os.open(self.path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                os.close(descriptor)
                return False
            except BaseException:
                os.close(descriptor)
                raise
            # Whoever held it before may have removed the file: then this lock is on a file that nobody else will find.
            if _is_same_file(descriptor, self.path):
                self._descriptor = descriptor
                return True
            os.close(descriptor)

    def write(self, facts: dict[str, Any]) -> None:
        """Say in the lock file who holds it."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, (json.dumps(facts) + "\n").encode(), 0)

    def release(self, *, remove: bool = False) -> None:
        """Give the lock back; `remove` deletes the file first, so that no other process finds the old one."""
        if self._descriptor is None:
            return
        if remove:
            with contextlib.suppress(OSError):
                self.path.unlink()
        os.close(self._descriptor)
        self._descriptor = None


def holder(command: str) -> dict[str, Any]:
    """What a lock file says of this process."""
    return {
        "process": os.getpid(),
        "host": platform.node(),
        "command": command,
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@contextlib.contextmanager
def sole_builder(path: str | Path) -> Iterator[None]:
    """Let one process at a time build `path`; the others wait, and then find it built.

    Where no lock file can be made (a read-only folder) nothing can be built either: what is there may be reused, and who
    writes says why not. A link in the lock file's place is refused: `RunError`.
    """
    path = Path(path)
    lock = Lock(path.parent / f".lock-{path.name}")
    if lock.path.is_symlink():
        raise RunError(f"{lock.path} is a link, and a lock file must not lead elsewhere. Remove it.")
    made = [folder for folder in path.parents if not folder.exists()]
    with contextlib.suppress(OSError):
        while True:
            path.parent.mkdir(parents=True, exist_ok=True)
            # A process that made nothing after all may remove the folder in between.
            with contextlib.suppress(FileNotFoundError):
                lock.acquire(wait=True)
                break
    try:
        yield
    finally:
        lock.release(remove=True)
        remove_empty(made)


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove those of `folders`, innermost first, in which nothing was made after all."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        there = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    own = os.fstat(descriptor)
    return (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)
