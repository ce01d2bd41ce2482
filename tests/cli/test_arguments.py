"""Arguments of every command: paths find home, what is no text is one line, any terminal will do."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from babyllama.cli import COMMANDS, main, parse
from babyllama.cli.arguments import PATHS, Parser
from babyllama.console import json_text

pytestmark = pytest.mark.unit

NAMED = (
    "path",
    "dir",
    "file",
    "text",
    "data",
    "output",
    "plots",
    "diff",
    "config",
    "model",
    "models",
    "run",
    "runs",
    "paths",
)


def actions(command: str) -> list[argparse.Action]:
    parser = Parser()
    import_module(f"babyllama.cli.{command}").add_arguments(parser)
    return parser._actions


@pytest.mark.parametrize("command", COMMANDS)
def test_every_path_of_every_command_finds_home_and_variables(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("CORPUS", "/data/corpus")
    for action in actions(command):
        name = max(action.option_strings, key=len, default=action.dest).strip("-")
        if action.metavar not in PATHS:
            named_like_one = name.split("-")[-1] in NAMED and action.nargs != 0
            assert not named_like_one or name == "model-name" or action.metavar == "TEXT", (
                f"--{name} looks like a path: give it a metavar of {PATHS}"
            )
            continue
        for written, meant in (
            ("~/a", "/home/someone/a"),
            ("$CORPUS/a", "/data/corpus/a"),
            ("${CORPUS}/a", "/data/corpus/a"),
        ):
            assert os.fspath(action.type(written)) == meant, name  # type: ignore[operator,misc]
        for written in ("", "~nobody-here/a", "$NOT_SET_HERE/a", "a\0b"):
            with pytest.raises(argparse.ArgumentTypeError):
                action.type(written)  # type: ignore[operator,misc]


def test_no_folder_called_tilde_appears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert main(["synthesize", "--output-dir", "~/data", "--num-tokens", "200", "--quiet"]) == 0
    arguments = ["--data-dir=~/data/babylm_10M_clean", "--output=~/tok.json", "--vocab-size", "300", "--quiet"]
    assert main(["tokenizer", *arguments]) == 0
    (tmp_path / "c.yaml").write_text(
        "data: {tokenizer_path: ~/tok.json, train_path: ~/data/babylm_10M_clean, eval_path: null, packed_dir: $HOME/packed}\n"
        "model: {type: Llama, name: x, hidden_size: 8, n_layer: 1, n_head: 1}\nlogging: {output_dir: ~/models}\n"
    )
    assert main(["prepare", "--config", "c.yaml", "--quiet"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.yaml", "home"]
    assert {"data", "tok.json", "packed"} <= {path.name for path in (tmp_path / "home").iterdir()}


@pytest.mark.parametrize(
    "command",
    # `train` and `distill` take theirs as a key of the configuration, which is checked with all others.
    [name for name in COMMANDS if any("--seed" in a.option_strings and a.type is not None for a in actions(name))],
)
def test_a_seed_that_no_generator_takes_is_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in ("-1", "4294967296", "1e3", "x"):
        with pytest.raises(SystemExit) as end:
            parse(command, [f"--seed={seed}"])
        assert end.value.code == 2
        assert "is no whole number from 0 to 4294967295" in capsys.readouterr().err


def test_an_argument_that_is_not_utf8_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["\udcff"],
        ["generate", "m", "a\udcff"],
        ["train", "--config", "\udce9.yaml"],
        ["train", "model.name=\udcff"],
    ):
        assert main(arguments) == 2
        assert "is not UTF-8 text" in capsys.readouterr().err


ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii", "COLUMNS": "40"}


def test_a_narrow_terminal_that_takes_ascii_only_is_enough(tmp_path: Path, repository: Path) -> None:
    """One process for all commands: help, results with other letters in them, errors."""
    config = tmp_path / "é.yaml"
    config.write_text(
        "model: {type: Llama, name: naïve-模型, hidden_size: 8, n_layer: 1, n_head: 1}\n", encoding="utf-8"
    )
    calls = [*([command, "--help"] for command in COMMANDS), ["--help"], ["config", "show", str(config)]]
    calls += [["config", name] for name in ("keys", "reference", "schema", "families")]
    calls += [["train", "--config", str(config), "model.nme=é"], ["é"], ["report", str(tmp_path / "é")]]
    code = (
        "import sys\nfrom babyllama.cli import main\n"
        f"for call in {calls!a}:\n"
        "    try: main(call)\n"
        "    except SystemExit as end: assert end.code in (0, 2), call\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={**os.environ, **ASCII}, cwd=repository, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert rb"name: na\xefve-\u6a21\u578b" in done.stdout
    assert b"Traceback" not in done.stderr


def test_json_stays_json_on_a_stream_that_takes_ascii_only(tmp_path: Path) -> None:
    value = {"naïve": "模型\U0001f600"}
    for encoding in ("ascii", "latin-1", "utf-8"):
        file = tmp_path / encoding
        with file.open("w", encoding=encoding, errors="backslashreplace") as stream:
            stream.write(json_text(value, stream=stream))
        assert json.loads(file.read_text(encoding)) == value
    assert "naïve" in (tmp_path / "utf-8").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["push", "submit"])
def test_a_name_the_hub_would_not_take_is_refused_before_anything_is_read(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([command, "no/such/run", "--repo-id", "tiny"])
    assert end.value.code == 2
    assert "argument --repo-id: 'tiny' must be owner/name" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        "benchmark m --output .",
        "evaluate m --output-path .",
        "surprisal m --text t --output .",
        "reading m --data d --formula f --output .",
        "export m --gguf --output .",
    ],
)
def test_a_folder_where_results_should_go_is_told_before_the_work(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(command.split())
    assert end.value.code == 2
    assert ". is a folder; name a file in it" in capsys.readouterr().err


def test_a_picture_does_not_replace_the_numbers_of_a_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "m", "--output", "comparison.png"]) == 2
    assert "--output comparison.png: name the .json file" in capsys.readouterr().err
