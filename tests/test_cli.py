"""The command line: help without torch, one clear error with exit code 2, flags in both spellings."""

import argparse
import importlib
import os
import re
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path

import pytest

from babyllama import console
from babyllama.cli import COMMANDS, main, parse

pytestmark = pytest.mark.unit


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_loads_no_torch(command: str) -> None:
    code = (
        "import sys\nfrom babyllama.cli import main\n"
        f"try: main([{command!r}, '--help'])\nexcept SystemExit as end: assert end.code == 0\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_is_for(command: str) -> None:
    assert importlib.import_module(f"babyllama.cli.{command}").__doc__


def test_an_unknown_command_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trian"]) == 2
    assert "Did you mean train?" in capsys.readouterr().err


def test_an_unknown_flag_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["train", "--learning-rate", "1", "--batch-sise", "2"])
    assert end.value.code == 2
    with pytest.raises(SystemExit):
        main(["train", "--batch-sise", "2"])
    assert "did you mean --batch-size" in capsys.readouterr().err


def test_a_missing_configuration_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["train", "--config", str(tmp_path / "no.yaml")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: configuration not found")
    assert "Traceback" not in error


def test_ctrl_c_while_arguments_are_read_is_one_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("babyllama.cli.parse", lambda *args, **named: signal.raise_signal(signal.SIGINT))
    assert main(["train", "--config", "minimal"]) == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_in_a_callback_is_not_swallowed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it happens while libraries are imported, whose locks go with a callback."""

    class Lock:
        pass

    def run(args: argparse.Namespace) -> int:
        lock = Lock()
        watched = weakref.ref(lock, lambda _: signal.raise_signal(signal.SIGINT))
        del lock  # here Python ignores what the callback raises
        assert watched() is None
        for _ in range(3000):
            time.sleep(0.01)
        return 0

    monkeypatch.setattr("babyllama.cli.prepare.run", run)
    assert main(["prepare"]) == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_ctrl_c_before_the_command_is_loaded_is_one_word(repository: Path) -> None:
    code = (
        "import signal, sys, babyllama.__main__\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'babyllama.cli': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupts())\n"
        "sys.exit(babyllama.__main__.run())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\ninterrupted\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", ["--help", "--version", "train --help", "config keys"])
def test_output_that_cannot_be_written_is_one_error(arguments: str, repository: Path) -> None:
    command = f"{sys.executable} -m babyllama {arguments} > /dev/full"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        command, shell=True, cwd=repository, capture_output=True, text=True, check=False, env=buffered
    )
    assert re.fullmatch(r"error: (standard output: )?no space left on the disk[^\n]*\n", done.stderr), done.stderr
    assert done.returncode == 2


def test_blocks_beside_a_model_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["benchmark", "blocks", "models/x"]) == 2
    assert "of no model that is there" in capsys.readouterr().err


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="configuration not found"):
        main(["train", "--debug", "--config", str(tmp_path / "no.yaml")])


@pytest.mark.parametrize("flag", ["--resume_from_checkpoint", "--resume-from-checkpoint"])
def test_an_override_after_the_resume_flag_is_not_its_path(flag: str) -> None:
    _, args = parse("train", ["--config", "c.yaml", flag, "training.lr=1"])
    assert args.resume_from_checkpoint == "newest"
    assert args.overrides == ["training.lr=1"]
    _, args = parse("train", [flag, "models/a/checkpoints/checkpoint-5", "--batch_size=3"])
    assert args.resume_from_checkpoint == "models/a/checkpoints/checkpoint-5"
    assert args.batch_size == "3"


@pytest.mark.parametrize("script", ["train", "train_tokenizer", "evaluate", "benchmark", "create_synthetic_data"])
def test_the_root_scripts_answer(script: str, repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, f"{script}.py", "--help"], cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"usage: {script}.py" in done.stdout


def test_a_table_whose_reader_has_gone_ends_as_other_output_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """`babyllama report RUN --tables | head -1`: rich would exit with code 1."""
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", buffering=1) as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        with pytest.raises(BrokenPipeError):
            console.results().print("x")
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), closed.fileno())


def test_a_closed_pipe_is_no_error(repository: Path) -> None:
    """`babyllama config keys | head -1`"""
    command = f"{sys.executable} -m babyllama config keys | head -1"
    done = subprocess.run(command, shell=True, cwd=repository, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.startswith("data.tokenizer_path")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_one_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o500)
    assert main(["synthesize", "--output-dir", str(tmp_path / "data"), "--num-tokens", "100"]) == 2
    assert "may write to" in capsys.readouterr().err
