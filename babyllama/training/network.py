"""A causal model as an objective sees it: hidden states, output layer, loss sums; without logits that exist all at once.

`training_network(model, objective)` replaces the model's `forward` for the length of a block, on this one object: called
with `labels` it gives the objective's loss sums, without them it is the model's own. Weights, configuration and what
`save_pretrained` writes are untouched. Going through `forward` keeps autocast, DistributedDataParallel and gradient
checkpointing working as they do for any model.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from babyllama.training.objectives.base import Batch, Objective, Sums
from babyllama.training.objectives.cross_entropy import (
    LossOptions,
    fused_linear_cross_entropy,
    plain_cross_entropy,
)
from babyllama.training.objectives.masks import document_mask


class Network:
    """The model's parts, whatever its family calls them."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._forward: Callable[..., Any] = model.forward
        self.fused = output_layer_agrees(model)
        """Whether the output layer on the last hidden states gives the model's own logits on a probe. A family that scales
        or caps its logits does not, and is trained on what it computes, through its own logits."""

    @property
    def head(self) -> nn.Linear:
        """The output layer: weight [V, D], bias [V] or None."""
        return self.model.get_output_embeddings()

    def inputs(self, batch: Batch) -> dict[str, Any]:
        """The arguments of the model's forward pass for the tensors of a batch; document_ids become a mask."""
        arguments = {"use_cache": False, **batch}
        document_ids = arguments.pop("document_ids", None)
        if document_ids is not None:
            implementation = self.model.config._attn_implementation
            arguments["attention_mask"] = document_mask(document_ids, implementation, compute_dtype(self.model))
        return arguments

    def hidden(self, batch: Batch) -> Tensor:
        """Last hidden states [B, T, D]."""
        return self.model.base_model(**self.inputs(batch)).last_hidden_state

    def logits(self, batch: Batch) -> Tensor:
        """Logits [B, T, V] as the model computes them."""
        return self._forward(**self.inputs(batch)).logits

    def cross_entropy(self, batch: Batch, targets_N: Tensor, options: LossOptions) -> Sums:
        """`objective` and `cross_entropy` summed over the targets [B*T] that are not -100."""
        if self.fused:
            hidden_ND = self.hidden(batch).flatten(0, 1)
            sums = fused_linear_cross_entropy(hidden_ND, self.head.weight, self.head.bias, targets_N, options)
        else:
            sums = plain_cross_entropy(self.logits(batch).flatten(0, 1), targets_N, options)
        return {"objective": sums.objective, "cross_entropy": sums.cross_entropy}


@contextlib.contextmanager
def training_network(model: Any, objective: Objective) -> Iterator[Network]:
    """Within the block `model(labels=..., **batch)` returns the loss sums of `objective`."""
    previous = model.__dict__.get("forward")
    network = Network(model)
    original = network._forward

    def forward(self: Any, input_ids: Tensor | None = None, labels: Tensor | None = None, **more: Any) -> Any:
        if labels is None:
            return original(input_ids=input_ids, **more)
        return objective.sums(network, {"input_ids": input_ids, "labels": labels, **more})

    model.forward = types.MethodType(forward, model)
    try:
        yield network
    finally:
        # Mixed precision wraps the forward once more; dropping the attribute uncovers the class's own.
        model.__dict__.pop("forward", None)
        model.__dict__.pop("_original_forward", None)
        model.__dict__.pop("_is_accelerate_prepared", None)
        if previous is not None:
            model.forward = previous


def keeps_documents_apart(model: Any, seq_length: int) -> bool:
    """Under a document mask, does `model` give each document of a row the logits it would get alone?

    Found by trying: a model without attention does not, and a mask of ours would overrule a sliding window that is shorter
    than the row.
    """
    window = getattr(model.config, "sliding_window", None)
    if isinstance(window, int) and window < seq_length:
        return False
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            device = model.get_input_embeddings().weight.device
            lengths = [length for length in (3, 4) if length < seq_length] or [1]
            row = torch.arange(1, 1 + sum(lengths), device=device) % model.config.vocab_size
            documents = row.split(lengths)
            document_ids = torch.repeat_interleave(
                torch.arange(len(lengths), device=device), torch.tensor(lengths, device=device)
            )
            positions = torch.cat([torch.arange(length, device=device) for length in lengths])
            mask = document_mask(document_ids[None], model.config._attn_implementation, compute_dtype(model))
            together = model(
                input_ids=row[None], position_ids=positions[None], attention_mask=mask, use_cache=False
            ).logits[0]
            alone = torch.cat([model(input_ids=ids[None], use_cache=False).logits[0] for ids in documents])
            return together.shape == alone.shape and torch.allclose(together, alone, rtol=1e-4, atol=1e-4)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError, NotImplementedError):
        return False
    finally:
        model.train(was_training)


def compute_dtype(model: nn.Module) -> torch.dtype:
    """The number format the model's products run in: autocast's where it is on, else the weights'."""
    parameter = next(model.parameters())
    kind = parameter.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else parameter.dtype


def output_layer_agrees(model: Any) -> bool:
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
