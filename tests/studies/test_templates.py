"""The research examples of docs/README.md run as they stand there, with models of a few thousand parameters."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from babyllama.cli import main

TINY = """\
data: {{tokenizer_path: tok.json, train_path: text, eval_path: held_out.txt, seq_length: 16, packed_dir: packed}}
model: {{type: {type}, name: {name}, hidden_size: {width}, n_layer: 1, n_head: 2}}
training: {{max_steps: 3, batch_size: 4, logging_steps: 1, threads: 1, device: cpu}}
"""


@pytest.fixture
def examples(small_tokenizer: Any, repository: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Title -> code of each example; the process stands beside tiny configurations of the names in them."""
    Path("config").mkdir()
    Path("held_out.txt").write_text("The dog sees a small bird.\n")
    for name in ("llama", "gpt2", "gptj"):
        family = {"llama": "Llama", "gpt2": "GPT2", "gptj": "GPTJ"}[name]
        Path(f"config/{name}-97M.yaml").write_text(TINY.format(type=family, name=name, width=8))
    for number, size in enumerate((10, 16, 95, 360), start=1):
        Path(f"config/llama-{size}M.yaml").write_text(
            TINY.format(type="Llama", name=f"Llama-{size}M", width=8 * number)
        )

    def run(command: list[str], check: bool) -> None:
        assert (command[:2], check) == ([sys.executable, "train.py"], True)
        assert main(command[2:], command="train") == 0

    monkeypatch.setattr(subprocess, "run", run)  # train.py is that, in a process that loads torch again
    page = (repository / "docs" / "README.md").read_text()
    page = page[page.index("## Research examples") :]
    return dict(re.findall(r"\*\*([^*]+)\.\*\*.*?```python\n(.*?)```", page, re.DOTALL))


@pytest.mark.integration
@pytest.mark.slow
def test_three_architectures_on_one_text(examples: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    exec(examples["The same text, three architectures"], {})
    out = capsys.readouterr().out
    assert all(f"\n{name} " in out for name in ("Llama", "GPT2", "GPTJ"))
    assert Path("architectures.png").stat().st_size > 5000


@pytest.mark.integration
@pytest.mark.slow
def test_four_sizes_and_their_scaling_law(examples: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    exec(examples["Four sizes"], {})
    assert "loss = " in capsys.readouterr().out
    assert Path("scaling_laws.png").stat().st_size > 5000
