"""A way of scoring that a model has not is refused in one line, by every task in the same words, before anything is scored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evaluation_world import PAIRS, load, make_tokenizer, save_model, write_pairs

from babyllama.cli import main
from babyllama.errors import EvaluationError, TokenizerError
from babyllama.evaluation.acquisition_data import word_surprisals
from babyllama.evaluation.choices import Choice, Option, score_choices
from babyllama.evaluation.pair_scoring import score_minimal_pairs

pytestmark = pytest.mark.unit

ITEMS = [Choice("whole", (Option("The cats are sleeping."), Option("The cats is sleeping.")))]
TASKS: dict[str, Callable[[Any, Path, Any], Any]] = {
    "pairs": lambda loaded, pairs, backend: score_minimal_pairs(loaded, pairs, backend=backend),
    "choices": lambda loaded, pairs, backend: score_choices(loaded, ITEMS, backend=backend),
    "words": lambda loaded, pairs, backend: word_surprisals(loaded, {"cat": ["The"]}, backend),
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"), PAIRS)


def without_mask() -> Any:
    tokenizer = make_tokenizer()
    tokenizer.mask_token = None
    return tokenizer


@pytest.mark.parametrize("task", TASKS)
def test_a_tokenizer_without_mask_token_is_refused(task: str, pairs: Path, tmp_path: Path) -> None:
    causal = load(save_model(tmp_path / "causal", "Llama", without_mask()))
    assert TASKS[task](causal, pairs, "causal")
    mend = r"use --backend causal, or train with `training\.objective: hybrid`, which adds one\.$"
    with pytest.raises(
        TokenizerError, match=f"^--backend mntp: .*causal has a tokenizer without a mask token, .*{mend}"
    ):
        TASKS[task](causal, pairs, "mntp")
    masked = load(save_model(tmp_path / "masked", "Bert", without_mask()))
    for backend, way in (("auto", "mlm"), ("mlm", "mlm"), ("mntp", "mntp")):
        with pytest.raises(
            TokenizerError, match=f"^--backend {way}: .*masked has .* it was trained with, which has one"
        ):
            TASKS[task](masked, pairs, backend)


@pytest.mark.parametrize("task", TASKS)
def test_a_family_that_reads_in_one_direction_only_is_refused(task: str, pairs: Path, tmp_path: Path) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    MambaForCausalLM(
        MambaConfig(vocab_size=330, hidden_size=16, num_hidden_layers=1, state_size=4, initializer_range=0.5)
    ).save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(
        EvaluationError, match=r"^--backend mntp: .* \(mamba\) does not honour a mask .*; use --backend causal\.$"
    ):
        TASKS[task](load(tmp_path), pairs, "mntp")


def test_the_refusal_is_one_line_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(tmp_path / "plain", "Llama", without_mask())
    (tmp_path / "words.csv").write_text("context,word,time\nThe cat,sleeps,1.0\n")
    arguments = ["reading", "plain", "--data", "words.csv", "--context-column", "context", "--word-column", "word"]
    assert main([*arguments, "--backend", "mntp", "--formula", "time ~ surprisal"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if "error:" in line] == [said[-1]]
    assert said[-1].startswith("error: --backend mntp: plain has a tokenizer without a mask token")
