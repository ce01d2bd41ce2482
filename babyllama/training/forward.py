"""The training forward pass: a Hugging Face causal model called with labels returns loss sums instead of logits.

`training_forward(model, options)` replaces the model's `forward` for the length of a block, on this one object: with
`labels` it runs the base model and the fused loss, without them it is the model's own. Weights, configuration and what
`save_pretrained` writes are untouched. Going through `forward` keeps autocast, DistributedDataParallel and gradient
checkpointing working as they do for any model.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from babyllama.training.attention import document_mask, fused_gptj_attention
from babyllama.training.loss import (
    LossOptions,
    fused_linear_cross_entropy,
    next_token_targets,
    plain_cross_entropy,
)


@dataclass
class TrainingForward:
    """What `training_forward` has installed."""

    fused: bool
    """Whether the fused loss is in use: it is when the output layer on the last hidden states gives the model's own
    logits on a probe, so that a family that scales or caps its logits is trained on what it computes, unfused."""
    options: LossOptions

    def compile_loss(self) -> None:
        """Compile the loss from the next call on."""
        self.options = replace(self.options, compile=True)


@contextlib.contextmanager
def training_forward(model: Any, options: LossOptions) -> Iterator[TrainingForward]:
    """Within the block `model(input_ids, labels=..., document_ids=...)` returns {"objective", "cross_entropy"} sums."""
    original: Callable[..., Any] = model.forward
    previous = model.__dict__.get("forward")
    with fused_gptj_attention(model):
        installed = TrainingForward(_fused_agrees(model), options)

        def forward(
            self: Any,
            input_ids: Tensor | None = None,
            labels: Tensor | None = None,
            position_ids: Tensor | None = None,
            document_ids: Tensor | None = None,
            **kwargs: Any,
        ) -> Any:
            if labels is None:
                return original(input_ids=input_ids, position_ids=position_ids, **kwargs)
            if document_ids is not None:
                implementation = self.config._attn_implementation
                kwargs["attention_mask"] = document_mask(document_ids, implementation, _compute_dtype(self))
            return _loss_sums(self, original, installed, input_ids, labels, position_ids, kwargs)

        model.forward = types.MethodType(forward, model)
        try:
            yield installed
        finally:
            # Mixed precision wraps the forward once more; dropping the attribute uncovers the class's own.
            model.__dict__.pop("forward", None)
            model.__dict__.pop("_original_forward", None)
            model.__dict__.pop("_is_accelerate_prepared", None)
            if previous is not None:
                model.forward = previous


def _loss_sums(
    model: Any,
    original: Callable[..., Any],
    installed: TrainingForward,
    input_ids: Tensor | None,
    labels: Tensor,
    position_ids: Tensor | None,
    kwargs: dict[str, Any],
) -> dict[str, Tensor]:
    targets = next_token_targets(labels)
    inputs = {"input_ids": input_ids, "position_ids": position_ids, "use_cache": False, **kwargs}
    if installed.fused:
        hidden_BTD = model.base_model(**inputs).last_hidden_state
        head = model.get_output_embeddings()
        sums = fused_linear_cross_entropy(hidden_BTD.flatten(0, 1), head.weight, head.bias, targets, installed.options)
    else:
        sums = plain_cross_entropy(original(**inputs).logits.flatten(0, 1), targets, installed.options)
    return {"objective": sums.objective, "cross_entropy": sums.cross_entropy}


def _compute_dtype(model: nn.Module) -> torch.dtype:
    parameter = next(model.parameters())
    kind = parameter.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else parameter.dtype


def _fused_agrees(model: Any) -> bool:
    """Does the output layer applied to the base model's last hidden states give the model's logits?"""
    head = model.get_output_embeddings()
    if type(head) is not nn.Linear or getattr(model, "base_model", model) is model:
        return False
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            probe = torch.arange(6, device=head.weight.device).reshape(2, 3) % head.weight.shape[0]
            hidden = model.base_model(input_ids=probe, use_cache=False).last_hidden_state
            own = model(input_ids=probe, use_cache=False).logits
            return torch.allclose(nn.functional.linear(hidden, head.weight, head.bias), own, rtol=1e-4, atol=1e-4)
    finally:
        model.train(was_training)
