"""Every command of the README is run, in the order of the page, in a checkout of its own with tiny settings."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from babyllama.cli import main
from babyllama.runs import load_results

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MODEL = [
    "data.seq_length=32",
    "data.eval_samples=4",
    "model.hidden_size=16",
    "model.intermediate_size=32",
    "model.n_layer=1",
    "model.n_head=2",
    "training.max_steps=2",
    "training.batch_size=4",
    "training.gradient_accumulation_steps=1",
    "training.warmup_steps=1",
]
SMALLER = {
    "synthesize": ["--num-tokens", "6000"],
    "train": MODEL,
    "evaluate": ["--pairs-per-paradigm", "2"],
    "quickstart": ["--num-tokens", "6000", "tokenizer.vocab_size=400", *MODEL],
}
"""Sub-command -> what makes it small; a setting that the README gives itself stands behind it and counts."""
SCRIPTS = {
    "create_synthetic_data.py": "synthesize", "train_tokenizer.py": "tokenizer", "train.py": "train", "evaluate.py": "evaluate",
}  # fmt: skip


def commands(page: str) -> tuple[list[str], list[str]]:
    """(commands to run, commands that a comment `not run by the tests: COMMAND (why)` of the page excepts)."""
    excepted = re.findall(r"<!-- not run by the tests: (.+?) \(.+?\) -->", page)
    blocks = "\n".join(re.findall(r"```bash\n(.*?)```", page, re.DOTALL))
    typed = [re.split(r"\s{2,}#", line)[0].strip() for line in blocks.splitlines() if line.strip()]
    prose = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    prose = re.sub(r"^\|.*", "", prose, flags=re.MULTILINE)  # the table of commands names them without arguments
    inline = re.findall(r"`((?:python|babyllama|make|pip) [^`]+)`", prose)
    return list(dict.fromkeys([*typed, *inline])), excepted


def run(line: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of a command line as the README has it, made smaller."""
    program, first, *rest = shlex.split(line)
    if program == "make":
        recipe = re.search(rf"^{first}:.*\n\t@\$\(BIN\)/(.+)$", Path("Makefile").read_text(), re.MULTILINE)
        assert recipe, f"the Makefile has no {first}"
        return run(recipe[1], monkeypatch)
    script = first.removeprefix("./")
    command = SCRIPTS[script] if program == "python" else first
    arguments = [*SMALLER.get(command, []), *rest]
    if program == "babyllama":
        return main([command, *arguments])
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(script, run_name="__main__")
    return end.value.code or 0  # type: ignore[return-value]


def test_every_command_of_the_readme_is_run(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (repository / "README.md").read_text()
    lines, excepted = commands(page)
    assert set(excepted) <= set(lines), "an exception is for a command of the page"
    for name in (*SCRIPTS, "Makefile"):
        shutil.copy(repository / name, tmp_path)
    shutil.copytree(repository / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    for line in lines:
        if line not in excepted:
            assert run(line, monkeypatch) == 0, f"{line}\n{capsys.readouterr().err}"
    runs = {path.name for path in (tmp_path / "models").iterdir() if (path / "final" / "config.json").is_file()}
    assert runs == {"quickstart", "Llama-10M", "hot"}
    measured = {result.task for result in load_results(tmp_path / "models" / "Llama-10M" / "evaluation")}
    assert {"perplexity", "blimp"} <= measured


def test_make_runs_a_target_that_is_also_a_folder(repository: Path) -> None:
    """Make takes a target of the name of a folder for built: `make docs` would do nothing."""
    text = (repository / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert phony
    targets = set(re.findall(r"^([a-z][\w.-]*):", text, re.MULTILINE))
    assert "docs" in targets
    assert {name for name in targets if (repository / name).exists()} <= set(phony[1].split())
