"""The fused loss against torch's cross-entropy and against the models' own losses and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from training_world import FAMILY_NAMES, VOCABULARY, TinyBlocks, tiny_model

from babyllama.training.network import training_network
from babyllama.training.objectives.causal import Causal, CausalCollator, next_token_targets
from babyllama.training.objectives.cross_entropy import (
    LossOptions,
    fused_linear_cross_entropy,
    plain_cross_entropy,
    softmax_gradient,
    softmax_gradient_in_place,
)

pytestmark = pytest.mark.unit


CHUNK = 64
"""Tokens per chunk, so that the tiny inputs here take several, the last one shorter."""


def problem(bias: bool) -> tuple[list[torch.Tensor], torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(200, 24, generator=generator), torch.randn(301, 24, generator=generator) / 5]
    if bias:
        tensors.append(torch.randn(301, generator=generator))
    targets = torch.randint(0, 301, (200,), generator=generator)
    targets[7:30] = -100
    return [tensor.requires_grad_() for tensor in tensors], targets


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("smoothing", "z_loss"), [(0.0, 0.0), (0.1, 0.0), (0.0, 1e-3), (0.2, 1e-2)])
def test_fused_loss_and_gradients_are_those_of_torch(bias: bool, smoothing: float, z_loss: float) -> None:
    tensors, targets = problem(bias)
    options = LossOptions(smoothing, z_loss, chunk=CHUNK)
    hidden, weight, *rest = tensors
    fused = fused_linear_cross_entropy(hidden, weight, rest[0] if bias else None, targets, options)
    plain = plain_cross_entropy(torch.nn.functional.linear(hidden, weight, *rest), targets, options)
    torch.testing.assert_close(fused.objective, plain.objective, rtol=1e-6, atol=0)
    torch.testing.assert_close(fused.cross_entropy, plain.cross_entropy, rtol=1e-6, atol=0)
    # A factor other than one: what gradient accumulation and loss scaling do.
    for ours, theirs in zip(
        torch.autograd.grad(fused.objective * 0.3, tensors),
        torch.autograd.grad(plain.objective * 0.3, tensors),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_reported_loss_leaves_smoothing_and_z_loss_out() -> None:
    (hidden, weight), targets = problem(False)
    plain = fused_linear_cross_entropy(hidden, weight, None, targets, LossOptions(chunk=CHUNK))
    dressed = fused_linear_cross_entropy(hidden, weight, None, targets, LossOptions(0.1, 1e-2, chunk=CHUNK))
    assert dressed.objective > dressed.cross_entropy
    torch.testing.assert_close(dressed.cross_entropy, plain.cross_entropy)
    assert not dressed.cross_entropy.requires_grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_compiled_formula_is_the_eager_one(dtype: torch.dtype) -> None:
    (hidden, weight), targets = problem(False)
    logits = (hidden @ weight.T).detach()
    for smoothing, z_loss in ((0.0, 0.0), (0.1, 1e-2)):
        compiled = softmax_gradient(logits, targets, smoothing, z_loss, 4.0, dtype)
        eager = softmax_gradient_in_place(logits.clone(), targets, smoothing, z_loss, 4.0, dtype)
        for one, other in zip(compiled, eager, strict=True):
            assert one.dtype == other.dtype
            torch.testing.assert_close(one, other, rtol=1e-5 if dtype == torch.float32 else 1e-2, atol=1e-5)


def test_half_precision_products_keep_small_gradients() -> None:
    """fp16's smallest number is 6e-8: a softmax over many words must not be flushed to zero."""
    vocabulary = 4000
    hidden = torch.randn(64, 16).requires_grad_()
    weight = (torch.randn(vocabulary, 16) / 50).requires_grad_()
    targets = torch.randint(0, vocabulary, (64,))
    reference = torch.autograd.grad(
        fused_linear_cross_entropy(hidden, weight, None, targets, LossOptions(chunk=CHUNK)).objective, [hidden, weight]
    )
    for dtype in (torch.float16, torch.bfloat16):
        with torch.autocast("cpu", dtype=dtype):
            sums = fused_linear_cross_entropy(hidden, weight, None, targets, LossOptions(chunk=CHUNK))
        assert sums.objective.dtype == torch.float32
        for ours, exact in zip(torch.autograd.grad(sums.objective, [hidden, weight]), reference, strict=True):
            assert ours.dtype == torch.float32
            assert (ours - exact).norm() / exact.norm() < 2e-2


def test_no_gradient_is_formed_where_none_is_wanted() -> None:
    (hidden, weight), targets = problem(False)
    with torch.no_grad():
        sums = fused_linear_cross_entropy(hidden, weight, None, targets, LossOptions(chunk=CHUNK))
    assert not sums.objective.requires_grad
    frozen = fused_linear_cross_entropy(hidden, weight.detach(), None, targets, LossOptions(chunk=CHUNK))
    assert torch.autograd.grad(frozen.objective, [hidden])[0].shape == hidden.shape


def test_full_logits_never_exist() -> None:
    """The largest tensor made on the way is a chunk's, however many tokens there are."""
    from torch.utils._python_dispatch import TorchDispatchMode

    sizes: list[int] = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = function(*args, **(kwargs or {}))
            sizes.extend(x.numel() for x in torch.utils._pytree.tree_leaves(result) if isinstance(x, torch.Tensor))
            return result

    hidden, weight = torch.randn(4096, 8).requires_grad_(), torch.randn(1000, 8).requires_grad_()
    with Watch():
        fused_linear_cross_entropy(hidden, weight, None, torch.zeros(4096, dtype=torch.long), LossOptions(chunk=CHUNK))
    assert max(sizes) == 64 * 1000 < 4096 * 1000


def test_targets_are_the_next_labels_of_the_row() -> None:
    labels = torch.tensor([[5, 6, 7], [8, -100, 9]])
    assert next_token_targets(labels).tolist() == [6, 7, -100, -100, 9, -100]


def batch(document_attention: bool = False) -> dict[str, Any]:
    blocks = TinyBlocks(8)
    made = CausalCollator(document_attention)([blocks.block(index) for index in (1, 4, 7)])
    made["targets"] = made.pop("counts")["targets"]
    return made


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_parity_with_the_family_s_own_loss_and_gradients(family: str, tied: bool) -> None:
    model = tiny_model(family, tied=tied)
    inputs = batch()
    targets = inputs.pop("targets")
    own = model(input_ids=inputs["input_ids"], labels=inputs["labels"])
    own.loss.backward()
    expected = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    with training_network(model, Causal(LossOptions(chunk=CHUNK))) as installed:
        assert installed.fused
        sums = model(**inputs)
        (sums["objective"] / targets).backward()
    assert abs(float(sums["cross_entropy"]) / targets - own.loss.item()) < 1e-5
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-5, atol=1e-5, msg=name)


def test_a_family_that_changes_its_logits_is_trained_unfused() -> None:
    model = tiny_model("Llama")

    class Capped(type(model)):  # type: ignore[misc]
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            output = super().forward(*args, **kwargs)
            output.logits = 0.1 * torch.tanh(output.logits * 10)
            return output

    model.__class__ = Capped
    inputs = batch()
    inputs.pop("targets")
    with torch.no_grad():
        logits = model(input_ids=inputs["input_ids"]).logits
    with training_network(model, Causal(LossOptions(chunk=CHUNK))) as installed:
        assert not installed.fused
        sums = model(**inputs)
    expected = plain_cross_entropy(logits.flatten(0, 1), next_token_targets(inputs["labels"]), LossOptions(chunk=CHUNK))
    torch.testing.assert_close(sums["cross_entropy"], expected.cross_entropy)


def test_the_model_is_itself_again_afterwards() -> None:
    model = tiny_model("GPTJ")
    before = dict(model.__dict__)
    ids = torch.arange(3, 9).unsqueeze(0)
    logits = model(input_ids=ids).logits
    with training_network(model, Causal(LossOptions(chunk=CHUNK))):
        # Without labels it is the model's own forward, so that generation during training works.
        torch.testing.assert_close(model(input_ids=ids).logits, logits)
    assert set(model.__dict__) == set(before)
    assert model.config._attn_implementation == "eager"
    assert all("_attn" not in vars(module) for module in model.modules())
    assert model(input_ids=ids).logits.shape == (1, 6, VOCABULARY)
