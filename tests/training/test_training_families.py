"""Every family, and classes of transformers that no file of ours describes: trained, saved, loaded, scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_world import FAMILY_NAMES, LENGTH, TinyBlocks, tiny_config, tiny_model, tiny_run, tiny_tokenizer
from transformers import AutoModelForCausalLM

from babyllama.architectures import family
from babyllama.errors import ConfigError
from babyllama.evaluation.models import load_model
from babyllama.evaluation.scoring import CausalScorer, Encoded
from babyllama.runs.rows import read_rows
from babyllama.training import check_training
from babyllama.training.network import training_network
from babyllama.training.objectives.causal import Causal
from babyllama.training.objectives.cross_entropy import LossOptions
from babyllama.training.probing import keeps_documents_apart, output_layer_agrees

pytestmark = pytest.mark.integration

RAW = {
    "MistralForCausalLM": {"hf": {"sliding_window": None}},
    "Olmo2ForCausalLM": {},
    "Gemma2ForCausalLM": {"hf": {"query_pre_attn_scalar": 16}},
    "MambaForCausalLM": {"n_head": None, "max_position_embeddings": None, "intermediate_size": None},
}
"""Architecture -> what its keys must say otherwise."""


def model_of(name: str, **keys: Any) -> Any:
    return tiny_model("hf", architecture=name, **RAW[name], **keys) if name in RAW else tiny_model(name, **keys)


@pytest.mark.parametrize("name", [*FAMILY_NAMES, *RAW])
def test_four_steps_and_the_model_that_is_left(tmp_path: Path, name: str) -> None:
    model = model_of(name)
    optimizer = "muon" if name in RAW else "adamw"
    data = {"packing": "separate" if name.startswith("Mamba") else "concat"}
    sections = {"training": {"max_steps": 4, "lr": 1e-2}, "optimization": {"optimizer": optimizer}, "data": data}
    _, paths = tiny_run(tmp_path, model=model, eval_blocks=2, **sections)
    losses = [float(row["train_loss"]) for row in read_rows(paths.losses)]
    assert len(losses) == 4
    assert losses[-1] < losses[0]
    loaded = AutoModelForCausalLM.from_pretrained(paths.final)
    ids = torch.arange(3, 11).unsqueeze(0)
    with torch.no_grad():
        torch.testing.assert_close(loaded(input_ids=ids).logits, model.eval()(input_ids=ids).logits)


@pytest.mark.parametrize("name", [*FAMILY_NAMES, *RAW])
def test_the_loss_in_training_is_that_of_the_model_s_own_logits(name: str) -> None:
    """Large weights, so that a cap on the logits shows."""
    model = model_of(name)
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(100)
    ids = torch.arange(3, 15).view(2, 6)
    logits = model(input_ids=ids).logits[:, :-1].flatten(0, 1).float()
    own = torch.nn.functional.cross_entropy(logits, ids[:, 1:].flatten(), reduction="sum")
    kind = "hf" if name in RAW else name
    with family(kind).training(model), training_network(model, Causal(LossOptions())):
        sums = model(input_ids=ids, labels=ids)
    torch.testing.assert_close(sums["cross_entropy"], own, rtol=1e-4, atol=1e-3)


def test_what_a_class_can_do_is_found_by_trying() -> None:
    assert {name: output_layer_agrees(model_of(name)) for name in RAW} == {
        "MistralForCausalLM": True, "Olmo2ForCausalLM": True, "Gemma2ForCausalLM": False, "MambaForCausalLM": True,
    }  # fmt: skip
    assert {name: keeps_documents_apart(model_of(name), LENGTH) for name in RAW} == {
        "MistralForCausalLM": True, "Olmo2ForCausalLM": True, "Gemma2ForCausalLM": True, "MambaForCausalLM": False,
    }  # fmt: skip
    windowed = tiny_model("hf", architecture="MistralForCausalLM", hf={"sliding_window": LENGTH - 1})
    assert not keeps_documents_apart(windowed, LENGTH), "our mask would overrule the window"
    assert all(keeps_documents_apart(model_of(name), LENGTH) for name in FAMILY_NAMES)


def test_a_trial_leaves_no_trace() -> None:
    model = model_of("Gemma2ForCausalLM").train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    output_layer_agrees(model)
    keeps_documents_apart(model, LENGTH)
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def check(model: Any, **sections: Any) -> None:
    config = tiny_config(Path(), model={"type": "hf", "architecture": type(model).__name__}, **sections)
    check_training(config, resume=None, train_dataset=TinyBlocks(), eval_dataset=None, model=model)


def test_mamba_trains_only_on_documents_in_rows_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    mamba = model_of("MambaForCausalLM")
    for data in ({}, {"document_attention": False}, {"packing": "best_fit"}):
        with pytest.raises(ConfigError, match=r"does not keep the documents of a row apart.*data\.packing=separate"):
            check(mamba, data=data)
    check(mamba, data={"packing": "separate"}, optimization={"optimizer": "muon"})
    said = capsys.readouterr().err
    assert "MambaForCausalLM: loss from hidden states; documents in rows of their own" in said
    assert "Muon takes each stored matrix for one linear map" in said
    check(model_of("Gemma2ForCausalLM"))
    assert "Gemma2ForCausalLM: loss from its own logits" in capsys.readouterr().err


@pytest.mark.parametrize("name", RAW)
def test_scores_are_those_of_the_plain_way(tmp_path: Path, name: str) -> None:
    """Sentences with shared beginnings: read as a tree where the class allows it, one by one where it does not."""
    model = model_of(name)
    model.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    loaded = load_model(tmp_path, "cpu")
    sequences = [(1, 5, 6, 7, 8), (1, 5, 6, 9, 10), (1, 5, 11, 12, 13)]
    scorer = CausalScorer(loaded)
    found = scorer.score([Encoded(ids, range(1, len(ids))) for ids in sequences])  # type: ignore[arg-type]
    for ids, scores in zip(sequences, found, strict=True):
        with torch.no_grad():
            logits = loaded.model(input_ids=torch.tensor([ids])).logits[0].float()
        own = logits.log_softmax(-1)[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
        np.testing.assert_allclose(scores, own.numpy(), atol=1e-3)
    assert scorer.use_trees == (name != "MambaForCausalLM")
