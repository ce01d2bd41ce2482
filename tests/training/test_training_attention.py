"""A packed document gets the logits it gets alone, in every family, with masks and positions from the packing."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import torch
from training_world import FAMILY_NAMES, LENGTH, TinyBlocks, tiny_model

from babyllama.architectures import family
from babyllama.architectures.activations import fused_gelu
from babyllama.device import Precision
from babyllama.training.attention import _attention, short_row_attention
from babyllama.training.machine import Machine
from babyllama.training.network import training_network
from babyllama.training.objectives.causal import Causal, CausalCollator
from babyllama.training.objectives.cross_entropy import LossOptions
from babyllama.training.objectives.masks import document_mask

pytestmark = pytest.mark.unit


def packed(document_attention: bool = True) -> dict[str, Any]:
    blocks = TinyBlocks(8)
    return CausalCollator(document_attention)([blocks.block(index) for index in (2, 5)])


def documents(batch: dict[str, Any], row: int) -> list[slice]:
    """Where the documents of a row lie."""
    ids = batch["document_ids"][row]
    return [
        slice(int((ids == number).nonzero()[0]), int((ids == number).nonzero()[-1]) + 1)
        for number in ids.unique().tolist()
    ]


@torch.no_grad()
def logits(model: Any, batch: dict[str, Any], implementation: str) -> torch.Tensor:
    mask = document_mask(batch["document_ids"], implementation, torch.float32)
    return model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], attention_mask=mask).logits


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_logits_of_a_packed_document_are_those_of_the_document_alone(name: str) -> None:
    model = tiny_model(name).eval()
    batch = packed()
    with family(name).training(model):
        together = logits(model, batch, model.config._attn_implementation)
    found = 0
    for row in range(2):
        for place in documents(batch, row):
            alone = model(input_ids=batch["input_ids"][row : row + 1, place]).logits[0]
            torch.testing.assert_close(together[row, place], alone, rtol=1e-4, atol=1e-5)
            found += 1
    assert found > 4
    # Without mask and positions the same document sees its neighbours: the test above could fail.
    with torch.no_grad():
        blind = model(input_ids=batch["input_ids"]).logits
    assert (blind - together).abs().max() > 1e-3


def test_gptj_s_own_attention_with_the_additive_mask_agrees() -> None:
    model = tiny_model("GPTJ").eval()
    batch = packed()
    own = logits(model, batch, "eager")
    with family("GPTJ").training(model):
        torch.testing.assert_close(logits(model, batch, "sdpa"), own, rtol=1e-4, atol=1e-5)
        plain = model(input_ids=batch["input_ids"]).logits
    torch.testing.assert_close(plain, model(input_ids=batch["input_ids"]).logits, rtol=1e-4, atol=1e-5)


def test_no_mask_without_a_boundary_and_none_when_it_is_switched_off() -> None:
    row = {
        "input_ids": torch.arange(3, 3 + LENGTH).numpy(),
        "labels": torch.arange(3, 3 + LENGTH).numpy(),
        "position_ids": torch.arange(LENGTH).numpy(),
        "words": 3,
        "tokens": LENGTH,
    }
    assert "document_ids" not in CausalCollator(True)([row])
    assert "document_ids" in packed(True)
    assert {"document_ids", "position_ids"}.isdisjoint(packed(False))


def test_mask_by_hand() -> None:
    mask = document_mask(torch.tensor([[0, 0, 1]]), "sdpa", torch.float32)
    assert mask.tolist() == [[[[True, False, False], [True, True, False], [False, False, True]]]]
    rows = torch.tensor([[0, 0, 1], [0, 0, 1]])
    causal, both_ways = document_mask(rows, "sdpa", torch.float32, torch.tensor([False, True]))
    assert causal.tolist() == mask[0].tolist()
    assert both_ways.tolist() == [[[True, True, False], [True, True, False], [False, False, True]]]


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_attention_of_short_rows_under_bf16_has_the_gradients_of_fp32(name: str) -> None:
    bf16 = Machine(torch.device("cpu"), Precision("bf16", ""))
    objective = Causal(LossOptions())

    def gradients(machine: Machine | None) -> torch.Tensor:
        model = tiny_model(name)
        attention = contextlib.nullcontext() if machine is None else short_row_attention(model, machine, LENGTH)
        with family(name).training(model), attention, training_network(model, objective):
            with torch.autocast("cpu", torch.bfloat16, enabled=machine is not None):
                batch = {key: value for key, value in packed().items() if key != "counts"}
                loss = model(**batch)["objective"]
            loss.backward()
        return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])

    exact, found = gradients(None), gradients(bf16)
    assert (found - exact).norm() < 0.02 * exact.norm()


class Layer(torch.nn.Module):
    """What attention asks of the layer it is called for."""

    is_causal = True
    num_key_value_groups = 1


@pytest.mark.parametrize(
    "case", ["causal", "both ways", "packed", "sees nothing", "grouped", "dropout off", "scaled", "additive"]
)
def test_product_attention_and_its_gradients_are_those_of_exact_attention(case: str) -> None:
    torch.manual_seed(0)
    layer, heads = Layer(), 2 if case == "grouped" else 4
    layer.num_key_value_groups = 4 // heads
    inputs = [torch.randn(3, count, 16, 8).bfloat16().requires_grad_() for count in (4, heads, heads)]
    causal = torch.ones(16, 16, dtype=torch.bool).tril().expand(3, 1, 16, 16)
    seen, options = causal, {"scaling": 0.5 if case == "scaled" else None}
    mask = None
    if case == "both ways":
        seen, options["is_causal"] = torch.ones_like(causal), False
    if case in ("packed", "sees nothing"):
        mask = seen = document_mask(torch.tensor([[0] * 5 + [1] * 11, [0] * 16, [0, 1] * 8]), "sdpa", torch.float32)
    if case == "additive":
        mask = torch.zeros(causal.shape).masked_fill(~causal, torch.finfo(torch.float32).min)
    if case == "dropout off":
        options["dropout"] = 0.0
    slope = torch.randn(3, 16, 4, 8)
    if case == "sees nothing":
        mask, slope[1, 3] = mask.clone(), 0
        mask[1, 0, 3] = False

    found, _ = _attention(layer, *inputs, mask, **options)
    found.backward(slope.bfloat16())
    assert found.isfinite().all()
    exact = [part.detach().double().requires_grad_() for part in inputs]
    expected = torch.nn.functional.scaled_dot_product_attention(
        *exact, attn_mask=seen, scale=options["scaling"], enable_gqa=True
    ).transpose(1, 2)
    expected.backward(slope.bfloat16().double())
    if case == "sees nothing":
        found, expected = found[[0, 2]], expected[[0, 2]]
    for one, other in [(found, expected), *((a.grad, b.grad) for a, b in zip(inputs, exact, strict=True))]:
        assert (one.double() - other).norm() < 0.01 * other.norm()


def test_attention_with_dropout_drops() -> None:
    inputs = [torch.randn(1, 2, 64, 8).bfloat16() for _ in range(3)]
    dropped, whole = (_attention(Layer(), *inputs, None, dropout=share)[0] for share in (0.5, 0.0))
    assert (dropped - whole).norm() > 0.1 * whole.norm()


def test_attention_refuses_what_it_would_leave_out() -> None:
    inputs = [torch.randn(1, 2, 16, 8).bfloat16() for _ in range(3)]
    with pytest.raises(ValueError, match="softcap"):
        _attention(Layer(), *inputs, None, softcap=30.0)
    wide = torch.randn(1, 2, 16, 24).bfloat16()
    assert _attention(Layer(), *inputs[:2], wide, None)[0].shape == (1, 16, 2, 24)
    bias = torch.randn(1, 2, 16, 16)
    biased, plain = (_attention(Layer(), *inputs, None, position_bias=one)[0] for one in (bias, None))
    assert (biased - plain).norm() > 0.1 * plain.norm()


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_product_attention_stands_in_for_short_rows_in_bf16_only_and_is_not_saved(name: str, tmp_path: Path) -> None:
    model = tiny_model(name)
    own = model.config._attn_implementation
    cpu = torch.device("cpu")

    def implementation(precision: str, length: int) -> str:
        with family(name).training(model), short_row_attention(model, Machine(cpu, Precision(precision, "")), length):
            model.save_pretrained(tmp_path)
            return model.config._attn_implementation

    assert implementation("bf16", 128) == "sdpa_short_rows"
    assert "sdpa_short_rows" not in (tmp_path / "config.json").read_text()
    assert {implementation("bf16", 1024), implementation("fp32", 128)} == {"sdpa"}
    assert model.config._attn_implementation == own


@pytest.mark.parametrize("name", ["GPT2", "GPTJ"])
def test_gelu_in_one_operation_is_the_one_written_out_and_leaves_with_the_block(name: str) -> None:
    model = tiny_model(name)
    batch = packed()["input_ids"]

    def loss_and_gradients() -> tuple[torch.Tensor, torch.Tensor]:
        model.zero_grad()
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        return loss.detach(), torch.cat([parameter.grad.flatten() for parameter in model.parameters()])

    def activations() -> set[str]:
        return {type(module).__name__ for module in model.modules() if "GELU" in type(module).__name__}

    plain = loss_and_gradients()
    assert activations() == {"NewGELUActivation"}
    with fused_gelu(model):
        assert activations() == {"GELU"}
        torch.testing.assert_close(loss_and_gradients(), plain, rtol=1e-5, atol=1e-7)
    assert activations() == {"NewGELUActivation"}
