"""A task and a protocol of one's own: one file, one line of registration, and everything goes through them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from evaluation_world import save_run, write_pairs

from babyllama.cli import main
from babyllama.config.tables import PROTOCOLS, TASKS
from babyllama.errors import EvaluationError
from babyllama.evaluation.tasks import Task, build_tasks

pytestmark = pytest.mark.integration


def module_of_the_guide(repository: Path) -> str:
    """The examples of docs/contributing.md: a task and a protocol."""
    guide = (repository / "docs" / "contributing.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    return "\n".join(block for block in blocks if "TASKS.register" in block or "PROTOCOLS.register" in block)


@pytest.fixture
def runs(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs, and a module of one's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_tasks.py").write_text(module_of_the_guide(repository))
    monkeypatch.syspath_prepend(str(tmp_path))
    for number, name in enumerate("AB"):
        save_run(tmp_path / "models" / name, seed=number)
    return tmp_path


@contextmanager
def own_tasks() -> Iterator[None]:
    """Within the block the module is imported and what it registers known."""
    with TASKS.restored(), PROTOCOLS.restored():
        sys.modules.pop("my_tasks", None)
        __import__("my_tasks")
        yield


@pytest.fixture
def world(runs: Path) -> Iterator[Path]:
    with own_tasks():
        yield runs


def test_a_task_of_ones_own_is_listed_evaluated_kept_compared_and_shown(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--list-tasks"]) == 0
    assert "letters      how often a letter stands in a sample" in capsys.readouterr().out
    command = ["evaluate", "models/A", "models/B", "--tasks", "letters", "--device", "cpu"]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert "letters side by side" in printed.out
    kept = json.loads((world / "models" / "A" / "evaluation" / "letters.json").read_text())
    assert (kept["kind"], kept["letter"], kept["settings"]["letter"]) == ("letters", "a", "a")
    assert "| share of the letter |" in (world / "models" / "A" / "modelcard.md").read_text()
    assert (world / "models" / "A" / "plots" / "letters.png").is_file()
    assert main(command) == 0
    assert capsys.readouterr().err.count("letters: up to date, reused") == 2
    assert main(["evaluate", "models/A", "models/B", "--tasks", "letters", "--json", "--quiet"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert [row["model"] for row in value["comparison"]["letters"]] == ["A", "B"]


def test_a_result_of_a_task_that_is_not_loaded_disturbs_nobody(runs: Path) -> None:
    with own_tasks():
        assert main(["evaluate", "models/A", "--tasks", "letters", "--device", "cpu"]) == 0
    assert (runs / "models" / "A" / "evaluation" / "letters.json").is_file()
    assert main(["card", "models/A"]) == 0
    assert "share of the letter" not in (runs / "models" / "A" / "modelcard.md").read_text()


def test_a_protocol_of_ones_own(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = str(write_pairs(world / "pairs"))
    arguments = ["evaluate", "models/A", "--tasks", "blimp", "--blimp-data", pairs, "--json", "--quiet"]
    assert main([*arguments, "--protocol", "mean-after-bos"]) == 0
    assert json.loads(capsys.readouterr().out)["results"]["pairs"]["protocol"] == "mean-after-bos"
    assert (world / "models" / "A" / "evaluation" / "pairs_mean-after-bos.json").is_file()


def test_settings_are_checked_by_the_task_that_has_them() -> None:
    (task,) = build_tasks(["blimp"], {"pairs_per_paradigm": 3, "eval_text": "x", "stride": None})
    assert task.deciding()["pairs_per_paradigm"] == 3
    assert "blimp_data" not in task.deciding(), "what counts of the data is their content"
    with pytest.raises(EvaluationError, match=r"unknown evaluation option 'protocoll'; did you mean 'protocol'"):
        build_tasks(None, {"protocoll": "lm-eval"})
    with pytest.raises(EvaluationError, match=r"--dtype fp64: must be 'auto', 'fp32' or 'bf16'"):
        build_tasks(["blimp"], {"dtype": "fp64"})


@pytest.mark.parametrize("name", list(TASKS))
def test_every_task_says_what_it_is(name: str) -> None:
    task: type[Task] = TASKS.get(name)
    assert task.name == name
    assert task.title
    assert task.__doc__
    assert set(task.places) <= set(task.Settings.model_fields)
