"""What a causal model can do, found by trying it on a few tokens: nothing is taken from its name.

A fresh model's logits lie close together, so that a small tolerance alone would let everything pass; each trial is made so
that what it looks for shows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from babyllama.training.objectives.masks import document_mask

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_LARGE = 1e3
"""Size of logits at which a cap on them shows."""


def compute_dtype(model: nn.Module) -> torch.dtype:
    """The number format the model's products run in: autocast's where it is on, else the weights'."""
    parameter = next(model.parameters())
    kind = parameter.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else parameter.dtype


def output_layer_agrees(model: PreTrainedModel) -> bool:
    """Does the output layer applied to the base model's last hidden states give the model's logits, large ones too?"""
    head = model.get_output_embeddings()
    if type(head) is not nn.Linear or getattr(model, "base_model", model) is model:
        return False
    probe = torch.arange(6, device=head.weight.device).reshape(2, 3) % head.weight.shape[0]

    def difference() -> tuple[float, float]:
        """(largest difference, largest logit)"""
        hidden = model.base_model(input_ids=probe, use_cache=False).last_hidden_state
        own = model(input_ids=probe, use_cache=False).logits
        return float((nn.functional.linear(hidden, head.weight, head.bias) - own).abs().max()), float(own.abs().max())

    with _evaluating(model):
        apart, largest = difference()
        if apart > 1e-4 * max(1.0, largest):
            return False
        kept = head.weight.detach().clone()
        try:
            head.weight.mul_(_LARGE / max(largest, 1e-6))
            apart, largest = difference()
        finally:
            head.weight.copy_(kept)
        return apart <= 1e-3 * largest


def keeps_documents_apart(model: PreTrainedModel, seq_length: int) -> bool:
    """Under a document mask, does `model` give each document of a row the logits it would get alone?

    Measured against what the documents would do to one another without the mask. A mask of ours would overrule a sliding
    window that is shorter than the row, so that is a no.
    """
    window = getattr(model.config, "sliding_window", None)
    if isinstance(window, int) and window < seq_length:
        return False
    device = model.get_input_embeddings().weight.device
    lengths = torch.tensor([3, 4] if seq_length >= 7 else [1, 1], device=device)
    row = torch.arange(1, 1 + int(lengths.sum()), device=device) % model.config.vocab_size
    document_ids = torch.arange(2, device=device).repeat_interleave(lengths)
    positions = torch.cat([torch.arange(int(length), device=device) for length in lengths])
    mask = document_mask(document_ids[None], model.config._attn_implementation, compute_dtype(model))

    def logits(ids: Tensor, **more: Any) -> Tensor:
        return model(input_ids=ids[None], use_cache=False, **more).logits[0].float()

    try:
        with _evaluating(model):
            alone = torch.cat([logits(ids) for ids in row.split(lengths.tolist())])
            together = logits(row, position_ids=positions[None], attention_mask=mask)
            leak = float((logits(row) - alone).abs().max())
            noise = 1e-5 * float(alone.abs().max())
            return float((together - alone).abs().max()) <= max(1e-2 * leak, noise)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError, NotImplementedError):
        return False


def reads_both_ways(model: PreTrainedModel) -> bool:
    """Under a bidirectional mask, does a later token of its document change the logits of an earlier one, and a token of
    another document not?

    The change is measured against the one that an earlier token makes to a later one without a mask. Families that build
    causal attention into their kernels, or have no attention, do not.
    """
    device = model.get_input_embeddings().weight.device
    document_ids = torch.tensor([[0, 0, 0, 1, 1, 1]], device=device)
    positions = torch.tensor([[0, 1, 2, 0, 1, 2]], device=device)
    both_ways = torch.ones(1, dtype=torch.bool, device=device)
    mask = document_mask(document_ids, model.config._attn_implementation, compute_dtype(model), both_ways)
    row = torch.arange(1, 7, device=device) % model.config.vocab_size

    def logits(changed: int | None, **more: Any) -> Tensor:
        ids = row if changed is None else row.index_fill(0, torch.tensor([changed], device=device), 0)
        return model(input_ids=ids[None], use_cache=False, **more).logits[0].float()

    under_mask: dict[str, Any] = {"position_ids": positions, "attention_mask": mask}
    try:
        with _evaluating(model):
            forward = float((logits(0)[2] - logits(None)[2]).abs().max())
            before = logits(None, **under_mask)
            inside = float((logits(2, **under_mask)[0] - before[0]).abs().max())
            outside = float((logits(5, **under_mask)[:3] - before[:3]).abs().max())
            noise = 1e-6 * float(before.abs().max())
            return inside > max(1e-2 * forward, noise) and outside <= max(1e-2 * inside, noise)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError, NotImplementedError):
        return False


@contextlib.contextmanager
def _evaluating(model: PreTrainedModel) -> Iterator[None]:
    """Within the block `model` computes without dropout and without gradients."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)
