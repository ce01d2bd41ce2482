"""The research examples of docs/README.md, run as typed: on tiny configurations under the same names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from babyllama.cli import main
from babyllama.corpus.cleaning import CLEANERS

MODELS = {
    "llama-360M": ("Llama", "Llama-360M"),
    "gpt-705M": ("GPT2", "gpt-705M"),
    "llama-95M": ("Llama", "Llama-95M"),
    "llama-10M": ("Llama", "Llama-10M"),
}
TOKENIZER = "./models/gpt-clean-16000.json"


@pytest.fixture
def example(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the Python block below a heading of the page; gives its names and its text."""
    monkeypatch.syspath_prepend(repository)
    page = (repository / "docs" / "README.md").read_text()

    def run(heading: str) -> tuple[dict[str, Any], str]:
        (code,) = re.findall(
            rf"\*\*{re.escape(heading)}\*\*[^`]*(?:`[^`\n]+`[^`]*)*```python\n(.*?)```", page, re.DOTALL
        )
        names: dict[str, Any] = {"__name__": "example"}
        exec(compile(code, heading, "exec"), names)
        return names, code

    return run


@pytest.fixture
def tiny_configurations(small_text: Path) -> Path:
    """The files that the examples name, with a tokenizer of 300 pieces and models of one layer."""
    import babyllama

    Path("config").mkdir()
    Path("models").mkdir()
    Path("dev").mkdir()
    Path("dev/a.dev").write_text("A bird sees the dog.\n<|endoftext|>\nOne day the cat went home.\n")
    babyllama.train_bpe_tokenizer(small_text, TOKENIZER, vocab_size=300)
    data = {"train_path": "text", "eval_path": "dev", "tokenizer_path": TOKENIZER, "seq_length": 16}
    training = {"batch_size": 4, "max_steps": 2, "precision": "fp32"}
    for file, (family, name) in MODELS.items():
        model = {"type": family, "name": name, "hidden_size": 16, "n_layer": 1, "n_head": 2}
        values = {"data": data, "model": model, "training": training}
        Path("config", f"{file}.yaml").write_text(yaml.safe_dump(values))
    values |= {
        "training": {**training, "objective": "distillation"},
        "distillation": {"temperature": 2.0, "teachers": []},
    }
    Path("config", "distillation.yaml").write_text(yaml.safe_dump(values))
    return small_text


@pytest.mark.integration
@pytest.mark.slow
def test_an_ensemble_is_distilled_and_compared(example: Any, tiny_configurations: Path) -> None:
    names, _ = example("An ensemble distilled.")
    assert names["student"].metrics.steps == 2
    assert len(names["rows"]) == 3
    assert Path("models/Llama-95M-distilled/final").is_dir()


@pytest.mark.integration
def test_a_cleaner_of_ones_own_is_a_domain_in_python_and_in_the_shell(
    example: Any, tiny_configurations: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with CLEANERS.restored():
        _, code = example("A cleaner of one's own.")
        assert "Rats learn quickly.\n" in capsys.readouterr().out
    assert "scientific" not in CLEANERS
    Path("my_cleaner.py").write_text("".join(code.splitlines(keepends=True)[:-2]))
    Path("in.txt").write_text("Mice do too [5].\n")
    monkeypatch.syspath_prepend(Path.cwd())
    with CLEANERS.restored():
        assert main(["clean", "--plugin", "my_cleaner", "--domain", "scientific", "in.txt", "out.txt"]) == 0
    assert Path("out.txt").read_text().startswith("Mice do too.\n")


@pytest.mark.integration
@pytest.mark.slow
def test_an_evaluator_of_ones_own_scores_what_the_model_writes(example: Any, tiny_configurations: Path) -> None:
    import babyllama

    babyllama.train_model("./config/llama-10M.yaml", quiet=True)
    names, _ = example("An evaluator of one's own.")
    scores = names["evaluator"].evaluate_vocabulary(["One day", "The teacher said"])
    assert set(scores) == {"mean", "scores"}
    assert len(scores["scores"]) == 2
    assert 0 < scores["mean"] <= 1
