"""Atomic writes, fingerprints and manifests: whole or absent, and stale for a stated reason."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy
import pytest

from babyllama.artifacts import (
    Manifest,
    atomic_file,
    atomic_folder,
    code_value,
    fingerprint_file,
    fingerprint_files,
    fingerprint_value,
    read_json,
    recover_folder,
    sole_builder,
    write_array,
    write_text,
)
from babyllama.errors import DamagedFileError, RunError

pytestmark = pytest.mark.unit


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(ValueError), atomic_file(path) as handle:
        handle.write("new")
        raise ValueError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_failed_folder_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "set"
    with atomic_folder(path) as folder:
        (folder / "a").write_text("old")
    with pytest.raises(ValueError), atomic_folder(path) as folder:
        (folder / "a").write_text("new")
        raise ValueError
    assert (path / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["set"]


def test_a_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "set"
    for name in ("one", "two"):
        with atomic_folder(path) as folder:
            (folder / name).write_text(name)
    assert os.listdir(path) == ["two"]
    assert os.listdir(tmp_path) == ["set"]


def test_a_kill_between_the_renames_is_undone(tmp_path: Path) -> None:
    path = tmp_path / "set"
    path.mkdir()
    (path / "a").write_text("old")
    os.replace(path, tmp_path / ".babyllama-old-set")
    recover_folder(path)
    assert (path / "a").read_text() == "old"


@pytest.mark.parametrize("delay", [0.002, 0.01, 0.03, 0.07, 0.15])
def test_a_kill_at_any_moment_leaves_a_whole_folder(tmp_path: Path, delay: float) -> None:
    """A process replaces a folder of two equal files over and over; SIGKILL never leaves them different."""
    code = (
        "import sys, itertools; from babyllama.artifacts import atomic_folder\n"
        "for i in itertools.count():\n"
        "    with atomic_folder(sys.argv[1]) as folder:\n"
        "        for name in 'ab': (folder / name).write_text(str(i) * 20000)\n"
        "    print(i, flush=True)\n"
    )
    path = tmp_path / "set"
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    recover_folder(path)
    assert (path / "a").read_text() == (path / "b").read_text() != ""
    # What the killed process left unfinished goes with the next write.
    with atomic_folder(path) as folder:
        (folder / "a").write_text("new")
    assert os.listdir(tmp_path) == ["set"]


def test_the_temporary_files_of_a_living_process_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with atomic_file(path) as outer:
        write_text(path, "inner")
        outer.write("outer")
    assert path.read_text() == "outer"


def test_leftovers_are_cleared_on_the_machine_that_left_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a shared file system the number of a process that runs elsewhere may be that of none here."""
    path = tmp_path / "set"
    code = (
        "import os, platform, signal, sys\n"
        "if len(sys.argv) > 2: platform.node = lambda: sys.argv[2]\n"
        "from babyllama.artifacts import atomic_folder\n"
        "with atomic_folder(sys.argv[1]): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    (ours,) = os.listdir(tmp_path)
    subprocess.run([sys.executable, "-c", code, str(path), "another-machine"], check=False)
    (theirs,) = set(os.listdir(tmp_path)) - {ours}
    with atomic_folder(path):
        pass
    assert set(os.listdir(tmp_path)) == {"set", theirs}


def test_only_one_process_builds_at_a_time(tmp_path: Path) -> None:
    """Processes that find nothing built, and take their time to build it, would all build it."""
    code = (
        "import sys, time, pathlib; from babyllama.artifacts import sole_builder\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "with sole_builder(path):\n"
        "    if not path.exists(): time.sleep(0.5); path.write_text('x'); print('built')\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "new" / "artifact")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert "".join(process.communicate()[0] for process in both) == "built\n"


def test_where_no_lock_can_be_made_what_is_there_is_still_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with sole_builder(tmp_path / "file" / "artifact"):
        pass
    with pytest.raises(ValueError, match="own"), sole_builder(tmp_path / "artifact"):
        raise ValueError("its own")


def test_no_empty_folder_is_left_where_nothing_was_built(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    for path in (tmp_path / "new" / "folder" / "artifact", tmp_path / "kept" / "artifact"):
        with pytest.raises(ValueError), sole_builder(path):
            raise ValueError
    assert os.listdir(tmp_path) == ["kept"]


def test_a_builder_that_waited_in_a_folder_since_removed_makes_it_anew(tmp_path: Path) -> None:
    path = tmp_path / "new" / "artifact"
    waits = threading.Event()

    def build() -> None:
        waits.set()
        with sole_builder(path):
            path.write_text("built")

    second = threading.Thread(target=build)
    with pytest.raises(ValueError), sole_builder(path):
        second.start()
        waits.wait()
        time.sleep(0.2)
        raise ValueError
    second.join()
    assert path.read_text() == "built"


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot create"), atomic_file(tmp_path / "file" / "a.txt"):
        pass


def test_fingerprints_follow_content_not_names(tmp_path: Path) -> None:
    for name, text in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / name).write_text(text)
    assert fingerprint_file(tmp_path / "a") == fingerprint_file(tmp_path / "b") != fingerprint_file(tmp_path / "c")
    assert fingerprint_files([tmp_path / "a", tmp_path / "c"]) != fingerprint_files([tmp_path / "c", tmp_path / "a"])
    # The reference is sha256sum's.
    assert fingerprint_file(tmp_path / "a").endswith("2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")
    assert fingerprint_value({"a": 1, "b": 2}) == fingerprint_value({"b": 2, "a": 1}) != fingerprint_value({"a": 1})


def test_a_manifest_says_why_it_is_stale(tmp_path: Path) -> None:
    Manifest("pack", {"text": "1"}, {"length": 128, "marks": ("a", "b")}).write(tmp_path)
    manifest = Manifest.read(tmp_path)
    assert manifest is not None
    assert manifest.stale_reason({"text": "1"}, {"length": 128, "marks": ("a", "b")}) is None
    assert manifest.stale_reason({"text": "2"}, {"length": 128, "marks": ("a", "b")}) == "changed input: text"
    assert (
        manifest.stale_reason({"text": "1"}, {"length": 64, "marks": ("a", "b")}) == "changed setting: length 128 -> 64"
    )


@pytest.mark.parametrize("content", ["", "{", "[]", '{"stage": "x"}'])
def test_a_broken_manifest_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    assert Manifest.read(tmp_path) is None


@pytest.mark.parametrize("content", [b"{broken", b"", b"\xff\xfe"])
def test_a_damaged_json_file_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"run\.json is damaged"):
        read_json(file)


CLEANER = """
import re
from functools import lru_cache, partial
_WORD = re.compile("[a-z]+")
_KEPT = {"a", "b", "c"}
_MOST = 3
class Names:
    def kept(self, word): return word in _KEPT
_names = lru_cache(Names)
def _upper(match, times=2): return match[0].upper() if _names().kept(match[0]) else _again(match)
def _again(match): return _upper(match) if _MOST > 3 else match[0]
def clean(text): return (lambda part: _WORD.sub(_upper, part))(text)
counted = partial(clean, text="")
"""


def code_of(text: str, name: str = "clean") -> str:
    module: dict[str, Any] = {"__name__": "plugin"}
    exec(text, module)
    return fingerprint_value(code_value(module[name]))


@pytest.mark.unit
@pytest.mark.parametrize("name", ["clean", "counted"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"[a-z]+"', '"[a-z]"'),  # a pattern that the replacement's caller uses
        ('"c"}', '"d"}'),  # a word of a class's method, behind a cache
        ("_MOST = 3", "_MOST = 4"),  # of functions that call each other
        ("times=2", "times=3"),
    ],
)
def test_a_functions_value_changes_with_what_it_uses(name: str, before: str, after: str) -> None:
    assert CLEANER.count(before) == 1
    assert code_of(CLEANER.replace(before, after), name) != code_of(CLEANER, name) == code_of(CLEANER, name)


@pytest.mark.unit
def test_a_functions_value_is_the_same_in_every_process() -> None:
    script = f"from babyllama.artifacts import *\nm = {{'__name__': 'plugin'}}\nexec({CLEANER!r}, m)\nprint(fingerprint_value(code_value(m['clean'])))"
    for seed in ("1", "2"):
        found = subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        assert found.stdout.strip() == code_of(CLEANER), found.stderr


@pytest.mark.unit
def test_an_array_that_does_not_fit_fails_for_a_stated_reason(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, before[1]))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            write_array(tmp_path / "a.npy", numpy.zeros(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert caught.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []
    write_array(tmp_path / "a.npy", numpy.arange(3))
    assert numpy.load(tmp_path / "a.npy").tolist() == [0, 1, 2]
