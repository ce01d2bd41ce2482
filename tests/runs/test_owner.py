"""A run folder has one owner at a time, and a run that is replaced stays until the new one stands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from babyllama.artifacts import sole_builder
from babyllama.errors import RunError
from babyllama.runs import RunPaths, owned

pytestmark = pytest.mark.unit


def test_a_second_owner_is_refused_at_once_and_told_who_the_first_is(tmp_path: Path) -> None:
    root = tmp_path / "run"
    with owned(root, "babyllama train --config first.yaml"):
        with pytest.raises(RunError) as refused, owned(root, "the second"):
            pass
        message = str(refused.value)
        for part in (
            f"process {os.getpid()} on ",
            "babyllama train --config first.yaml",
            "If there is no such process",
        ):
            assert part in message
        (root / "x").write_text("made by the first")
    with owned(root, "the second"):
        assert (root / "x").is_file()


def test_the_lock_ends_with_a_killed_process(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from babyllama.runs import owned\n"
        "with owned(Path(sys.argv[1]), 'killed'):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = tmp_path / "run"
    subprocess.run([sys.executable, "-c", code, str(root)], check=False, timeout=600)
    assert json.loads((root / ".lock").read_text())["command"] == "killed"
    with owned(root, "next"):
        assert json.loads((root / ".lock").read_text())["command"] == "next"


def test_nothing_is_left_of_a_run_in_which_nothing_was_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError), owned(tmp_path / "models" / "new" / "run", "fails"):
        raise ValueError
    assert os.listdir(tmp_path) == []


def test_a_lock_file_never_follows_a_link_nor_empties_what_it_leads_to(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    root = tmp_path / "run"
    root.mkdir()
    (root / ".lock").symlink_to(precious)
    with pytest.raises(RunError, match="is a link"), owned(root, "x"):
        pass
    (tmp_path / ".lock-set").symlink_to(precious)
    with pytest.raises(RunError, match="is a link"), sole_builder(tmp_path / "set"):
        pass
    assert precious.read_text() == "keep me"


def old_run(root: Path) -> RunPaths:
    paths = RunPaths(root)
    root.mkdir()
    paths.config.write_text("old")
    return paths


def test_a_replaced_run_stays_until_the_new_one_stands(tmp_path: Path) -> None:
    root = tmp_path / "run"
    paths = old_run(root)
    seen = []

    def fill(new: RunPaths) -> None:
        seen.append(paths.config.read_text())
        new.config.write_text("new")

    with owned(root, "x") as ownership:
        ownership.replace(fill)
        assert paths.config.read_text() == "new"
        with pytest.raises(RunError), owned(root, "another"):
            pass
    assert seen == ["old"]
    assert os.listdir(tmp_path) == ["run"]
    assert os.listdir(root) == ["training_config.yaml"]


def test_a_run_that_could_not_be_replaced_is_the_old_one(tmp_path: Path) -> None:
    root = tmp_path / "run"
    paths = old_run(root)

    def fail(new: RunPaths) -> None:
        new.config.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), owned(root, "x") as ownership:
        ownership.replace(fail)
    assert paths.config.read_text() == "old"
    assert os.listdir(tmp_path) == ["run"]


def test_a_kill_between_the_two_renames_brings_the_old_run_back(tmp_path: Path) -> None:
    old_run(tmp_path / "run")
    os.replace(tmp_path / "run", tmp_path / ".babyllama-old-run")
    with owned(tmp_path / "run", "next"):
        assert RunPaths(tmp_path / "run").config.read_text() == "old"
    foreign = tmp_path / ".old-run"
    foreign.mkdir()
    (foreign / "mine").write_text("x")
    with owned(tmp_path / "run", "next"):
        pass
    assert (foreign / "mine").is_file(), "a folder of somebody else's is neither taken nor deleted"
