"""The six commands of docs/babylm.md are run, in order, on made-up data with tiny settings."""

from __future__ import annotations

import json
import re
import shlex
from functools import partial
from pathlib import Path

import pytest
from suite_world import write_suite

from babyllama.artifacts import read_sealed
from babyllama.cli import main
from babyllama.training.hooks.words_seen import WordCheckpoints

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SMALLER = {
    "train": [
        "data.seq_length=64", "tokenizer.vocab_size=400", "data.eval_samples=4", "model.hidden_size=32", "model.intermediate_size=64",
        "model.n_layer=1", "model.n_head=2", "training.max_steps=3", "training.batch_size=2", "training.effective_batch_size=4",
        "training.warmup_steps=1", "training.torch_compile=false", "mixing.dev_budget=3kB",
    ],
    "evaluate": ["--glue-epochs", "1", "--device", "cpu"],
    "push": ["--dry-run"],
}  # fmt: skip
FILES = ("bnc_spoken", "childes", "gutenberg", "open_subtitles", "simple_wiki", "switchboard")


def test_the_six_commands_of_the_page(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (repository / "docs" / "babylm.md").read_text()
    block = re.search(r"```bash\n(.*?)```", page, re.DOTALL)
    assert block is not None
    lines = block[1].strip().splitlines()
    assert [line.split()[1] for line in lines] == ["fetch", "train", "evaluate", "submit", "push", "submit"]
    monkeypatch.chdir(tmp_path)
    # Three steps see about 500 words: one of their "millions" is 100.
    monkeypatch.setattr("babyllama.training.session.WordCheckpoints", partial(WordCheckpoints, unit=100))
    for part in ("train", "dev"):  # what the first command brings
        for number, name in enumerate(FILES):
            text = "".join(
                f"The {word} was there, and so was number {number} {part}.\n" for word in ("cat", "dog", "girl") * 20
            )
            file = tmp_path / "data" / "babylm" / part / f"{name}.{part}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    write_suite(tmp_path / "data" / "evaluation")
    for line in lines[1:]:
        _, command, *rest = shlex.split(line)
        assert main([command, *rest, *SMALLER.get(command, [])]) == 0, f"{line}\n{capsys.readouterr().err}"
    folder = tmp_path / "models" / "babylm-strict-small" / "submission" / "babylm-2026"
    record = read_sealed(folder / "submission.json")
    assert (record["model"], record["track"]) == ("someone/my-babylm", "strict-small")
    scored = json.loads((folder / "results" / "my-babylm" / "all_full_preds_and_fast_scores_causal.json").read_text())
    assert scored["blimp"] is None, "a part of the published pairs"
    assert "blimp, main: 4 of" in capsys.readouterr().err
