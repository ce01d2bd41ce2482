"""Who writes in a run folder: one process at a time, which the others are told about."""

from __future__ import annotations

import contextlib
import errno
import json
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from babyllama.artifacts import Lock, recover_folder, sole_builder
from babyllama.artifacts.files import flush_folder, is_running, read_bytes, replace_folder
from babyllama.artifacts.locks import holder, remove_empty
from babyllama.errors import BabyLlamaError, RunError
from babyllama.runs.paths import RunPaths

_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


class Ownership:
    """The right to write in a run folder, until the `with` block of `owned` ends."""

    def __init__(self, root: Path, command: str) -> None:
        self.root, self._command = root, command
        self._lock = Lock(RunPaths(root).lock)
        self._made: list[Path] = []
        """Folders above the run that were not there before."""

    def take(self) -> None:
        """Take the lock, making the folder if need be; `RunError` naming the owner when another process has it."""
        path = RunPaths(self.root).lock
        self._made = [folder for folder in self.root.parents if not folder.exists()]
        with sole_builder(self.root):
            recover_folder(self.root)
            if self.root.is_symlink() or (self.root.exists() and not self.root.is_dir()):
                raise RunError(
                    f"{self.root} is a file or a link, and a run is a folder of its own; choose another model.name."
                )
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                taken = self._lock.acquire(wait=False)
            except OSError as error:
                if error.errno == errno.ELOOP:
                    raise RunError(f"{path} is a link, and a lock file must not lead elsewhere. Remove it.") from error
                if error.errno not in _NO_LOCKS:
                    # A folder that cannot be written: what is in it may be reused, and who writes says why not.
                    return
                # A file system without locks: only what the file says can be asked.
                facts = _facts(path)
                taken = facts.get("host") != platform.node() or not is_running(int(facts.get("process", 0) or -1))
            if not taken:
                raise RunError(_owned_by_another(self.root, path))
            self._lock.write(holder(self._command))

    def replace(self, fill: Callable[[RunPaths], None]) -> None:
        """Put a new run, whose first files `fill` writes, in the place of the old one, which stays until the new one stands."""
        temporary = Path(tempfile.mkdtemp(prefix=f".tmp-{self.root.name}-", dir=self.root.parent))
        try:
            fill(RunPaths(temporary))
            flush_folder(temporary)
            lock = Lock(RunPaths(temporary).lock)
            lock.acquire(wait=False)
            lock.write(holder(self._command))
            with sole_builder(self.root):
                replace_folder(temporary, self.root)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        self._lock.release()
        self._lock, lock.path = lock, RunPaths(self.root).lock

    def give_back(self) -> None:
        """Let others write; a folder in which nothing was made goes."""
        with sole_builder(self.root):
            self._lock.release(remove=True)
            remove_empty([self.root])
        remove_empty(self._made)


@contextlib.contextmanager
def owned(root: Path, command: str) -> Iterator[Ownership]:
    """Own the run folder `root` within the block; `RunError` at once when another process does.

    `command` is what a refused process is told about this one. The lock is the operating system's: it ends with the
    process, however that ends.
    """
    ownership = Ownership(root, command)
    ownership.take()
    try:
        yield ownership
    finally:
        ownership.give_back()


def _owned_by_another(root: Path, path: Path) -> str:
    facts = _facts(path)
    who = f"process {facts.get('process', '?')} on {facts.get('host', '?')}"
    what = f" ({facts['command']}, since {facts['since']})" if {"command", "since"} <= set(facts) else ""
    return (
        f"{root} is being written by {who}{what}; two processes in one run would spoil it. Wait until it has ended, stop it "
        f"(it saves a checkpoint on SIGTERM), or choose another model.name. If there is no such process any more, remove {path}."
    )


def _facts(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_bytes(path))
    except (OSError, ValueError, RecursionError, BabyLlamaError):
        return {}
    return value if isinstance(value, dict) else {}
