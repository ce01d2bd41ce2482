"""What `inspect` shows is what the model computes, for every family that gives its attention; others are refused clearly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_world import FAMILY_NAMES, load, save_model, save_run

from babyllama.cli import main
from babyllama.errors import EvaluationError
from babyllama.evaluation.inspection import inspect_text
from babyllama.evaluation.surprisal import surprisal

TEXT = "The cats that the dog chased are sleeping."


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("models")
    return {name: load(save_model(folder / name, name)) for name in FAMILY_NAMES}


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_surprisal_attention_and_layers_are_the_models_own(family: str, models: dict[str, Any]) -> None:
    loaded = models[family]
    before = loaded.model.config._attn_implementation
    found = inspect_text(loaded, TEXT)
    assert "".join(found.tokens) == "<s>" + TEXT
    words = list(surprisal(loaded, [TEXT]))
    assert np.nansum(found.surprisal) == pytest.approx(sum(word.surprisal for word in words), rel=1e-4)  # type: ignore[misc]
    assert found.attention.shape == (2, 4, len(found.tokens), len(found.tokens))
    assert found.attention.sum(axis=-1) == pytest.approx(np.ones(found.attention.shape[:3]), abs=1e-4)
    assert not np.triu(found.attention[0, 0], 1).any(), "nothing looks ahead"
    assert found.lens is not None
    assert found.lens_surprisal is not None
    assert found.lens[-1] == found.predictions, "the last layer's prediction is the model's"
    assert found.lens_surprisal[-1][1:] == pytest.approx(found.surprisal[1:])
    assert found.lens[0] != found.lens[-1]
    assert loaded.model.config._attn_implementation == before, "afterwards the model is as it was"


def test_a_lens_that_does_not_give_the_models_own_output_is_left_out(models: dict[str, Any]) -> None:
    loaded = models["Llama"]
    scales = iter([1.5, 1.0, 1.0])  # the model's own call of the output layer, then one for each layer
    head = loaded.model.lm_head.register_forward_hook(lambda module, inputs, output: output * next(scales))
    try:
        found = inspect_text(loaded, TEXT)
    finally:
        head.remove()
    assert found.lens is None
    assert found.attention.any()


def test_a_model_that_cannot_be_looked_into_is_refused(models: dict[str, Any], tmp_path: Path) -> None:
    masked = load(save_model(tmp_path / "bert", "Bert"))
    with pytest.raises(EvaluationError, match="masked language model, which reads both ways"):
        inspect_text(masked, TEXT)
    loaded = models["Llama"]
    for text, said in (("", "the text is empty"), ("cat " * 300, "and at most 64 can be looked into")):
        with pytest.raises(EvaluationError, match=said):
            inspect_text(loaded, text)


def test_a_family_without_attention_is_refused(tmp_path: Path) -> None:
    from evaluation_world import make_tokenizer
    from transformers import MambaConfig, MambaForCausalLM

    MambaForCausalLM(MambaConfig(vocab_size=330, hidden_size=16, num_hidden_layers=1, state_size=4)).save_pretrained(
        tmp_path
    )
    make_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(EvaluationError, match="gives no attention"):
        inspect_text(load(tmp_path), TEXT)


def test_the_page_of_a_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = save_run(tmp_path / "run")
    page = tmp_path / "page.html"
    assert main(["inspect", str(run), "The cat <script>alert(1)</script>", "--output", str(page)]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    text = page.read_text()
    assert "alert(1)</script>" not in text
    assert len(re.findall(r'class="token', text)) == 2 * len(re.findall(r'<th scope="col"><bdi>', text))
    assert main(["inspect", str(run), "The cat", "--output", str(tmp_path / "page.md")]) == 2
    assert "must end in .html" in capsys.readouterr().err
