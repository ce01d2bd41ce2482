"""The examples of docs/README.md, run as they are typed, on tiny configurations under the names they use."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from evaluation_world import write_pairs

from babyllama.cli import main
from babyllama.corpus.cleaning import CLEANERS

pytestmark = pytest.mark.integration

SENTENCES = ("The cat sees a dog.", "A small bird sings, and the dog sleeps.", "One day the children went home.")
NAMES = {
    "llama-97M": "Llama-97M", "gpt2-97M": "GPT2-97M", "gptj-97M": "GPT-J-97M",
    "llama-10M": "Llama-10M", "llama-16M": "Llama-16M", "llama-95M": "Llama-95M", "llama-360M": "Llama-360M",
}  # fmt: skip
ROOT_NAMES = ("evaluate", "data_utils")


def example(repository: Path, title: str) -> str:
    """The code block under the paragraph of docs/README.md that begins with `title`."""
    page = (repository / "docs" / "README.md").read_text()
    found = re.search(rf"^\*\*{re.escape(title)}.*?```python\n(.*?)```", page, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


def run(code: str) -> dict[str, Any]:
    """What the names of `code` stand for after it has run."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(code, "<an example of docs/README.md>", "exec"), names)
    return names


@pytest.fixture
def checkout(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the root scripts, text, pairs and small configurations under the shipped names; the process works in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(repository)
    monkeypatch.setenv("PYTHONPATH", str(repository))
    shutil.copy(repository / "train.py", tmp_path)
    for folder, count in (("babylm_10M_clean", 60), ("babylm_dev_clean", 9)):
        (tmp_path / "data" / folder).mkdir(parents=True)
        documents = [f"{SENTENCES[number % 3]} {SENTENCES[number % 2]} Number {number}." for number in range(count)]
        (tmp_path / "data" / folder / "a.txt").write_text("\n<|endoftext|>\n".join(documents) + "\n")
    write_pairs(tmp_path / "data" / "blimp_synthetic")
    (tmp_path / "config").mkdir()
    for file, name in NAMES.items():
        shipped = yaml.safe_load((repository / "config" / f"{file}.yaml").read_text())
        kind = {"gpt2-97M": "GPT2", "gptj-97M": "GPTJ"}.get(file) or shipped["model"]["type"]
        small = {
            "data": {"seq_length": 16},
            "tokenizer": {"vocab_size": 300},
            "model": {
                "type": kind,
                "name": name,
                "hidden_size": 32 if "360M" in file else 16,
                "n_layer": 1,
                "n_head": 2,
            },
            "training": {"lr": 1e-2, "batch_size": 4, "max_steps": 2, "precision": "fp32"},
        }
        (tmp_path / "config" / f"{file}.yaml").write_text(yaml.safe_dump(small))
    with CLEANERS.restored():
        yield tmp_path
    for name in ROOT_NAMES:
        sys.modules.pop(name, None)


@pytest.mark.slow
def test_three_architectures_are_trained_and_compared(checkout: Path, repository: Path) -> None:
    results = run(example(repository, "The same text, three architectures."))["results"]
    assert list(results) == ["Llama", "GPT2", "GPTJ"]
    for name, metrics in results.items():
        assert metrics["perplexity"] > 1, name
        assert metrics["training_time"] > 0, name
        kind = yaml.safe_load((checkout / "models" / f"{name}-comparison" / "training_config.yaml").read_text())
        assert kind["model"]["type"] == name
    assert len({metrics["parameters"] for metrics in results.values()}) == 3, "three different models"


@pytest.mark.slow
def test_four_sizes_are_trained_and_an_evaluator_asks_one(checkout: Path, repository: Path) -> None:
    results = run(example(repository, "Four sizes."))["results"]
    assert [set(row) for row in results] == [{"parameters", "perplexity", "training_time"}] * 4
    assert all(row["perplexity"] > 1 and row["training_time"] > 0 for row in results)
    for size in (10, 16, 95, 360):
        assert (checkout / "models" / f"Llama-{size}M" / "final").is_dir()

    names = run(example(repository, "An evaluator of one's own."))
    scored = names["evaluator"].evaluate_vocabulary(["One day", "The cat"])
    assert scored["mean"] == pytest.approx(sum(scored["scores"]) / 2)
    assert len(scored["scores"]) == 2


def test_a_cleaner_is_a_domain_in_python_and_as_a_plugin(
    checkout: Path, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = example(repository, "A cleaner of one's own.")
    assert (
        main(
            [
                "tokenizer",
                "--data-dir",
                "data/babylm_10M_clean",
                "--vocab-size",
                "300",
                "--output",
                "models/gpt-clean-16000.json",
            ]
        )
        == 0
    )
    capsys.readouterr()
    with CLEANERS.restored():
        run(code)
        assert "scientific" in CLEANERS
    assert capsys.readouterr().out == "Rats learn quickly.\n"

    assert "scientific" not in CLEANERS
    plugin = "\n".join(code.rstrip().splitlines()[:-2])
    (checkout / "my_cleaner.py").write_text(plugin + "\n")
    monkeypatch.syspath_prepend(checkout)
    (checkout / "in.txt").write_text("Rats learn quickly [3, 4].\n")
    assert main(["clean", "--plugin", "my_cleaner", "--domain", "scientific", "in.txt", "out.txt"]) == 0
    assert (checkout / "out.txt").read_text().startswith("Rats learn quickly.\n")
    sys.modules.pop("my_cleaner", None)
