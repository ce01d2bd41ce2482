"""A causal model as an objective sees it: hidden states, output layer, loss sums; without logits that exist all at once.

`training_network(model, objective)` replaces the model's `forward` for the length of a block, on this one object: called
with `labels` it gives the objective's loss sums, without them it is the model's own. Weights, configuration and what
`save_pretrained` writes are untouched. Going through `forward` keeps autocast, DistributedDataParallel and gradient
checkpointing working as they do for any model.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from babyllama.dataset.packed import IGNORED
from babyllama.training.objectives.cross_entropy import (
    LossOptions,
    LossSums,
    fused_linear_cross_entropy,
    plain_cross_entropy,
)
from babyllama.training.objectives.linear_loss import ChunkLoss, chunk_tokens, fused_linear_loss
from babyllama.training.objectives.masks import document_mask
from babyllama.training.probing import compute_dtype, output_layer_agrees

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Batch = dict[str, Any]
"""Tensors of a micro-batch by the name of the forward pass's argument, and `counts` until the trainer takes them out."""
Sums = dict[str, Tensor]
"""0-d fp32 sums over target tokens: `objective` carries the gradient, `cross_entropy` is what losses.csv records, and one
for each of the objective's `parts`."""


class Loss(Protocol):
    """What gives the loss sums of a batch: a `babyllama.training.objectives.base.Objective`."""

    def sums(self, network: Network, batch: Batch) -> Sums:
        """Loss sums of a batch."""


class Network:
    """The model's parts, whatever its family calls them."""

    def __init__(self, model: PreTrainedModel, *, fused: bool | None = None) -> None:
        self.model = model
        self._forward: Callable[..., Any] = model.forward
        self.fused = output_layer_agrees(model) if fused is None else fused
        """Whether the output layer on the last hidden states gives the model's own logits on a probe. A family that scales
        or caps its logits does not, and is trained on what it computes, through its own logits."""

    @property
    def head(self) -> nn.Linear:
        """The output layer: weight [V, D], bias [V] or None."""
        return self.model.get_output_embeddings()

    def inputs(self, batch: Batch) -> dict[str, Any]:
        """The arguments of the model's forward pass for the tensors of a batch; document_ids become a mask."""
        arguments = {"use_cache": False, **batch}
        document_ids, bidirectional = arguments.pop("document_ids", None), arguments.pop("bidirectional", None)
        if document_ids is not None:
            implementation = self.model.config._attn_implementation
            arguments["attention_mask"] = document_mask(
                document_ids, implementation, compute_dtype(self.model), bidirectional
            )
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
        return _as_sums(sums)

    def cross_entropies(self, batch: Batch, kinds: Sequence[Tensor], options: LossOptions) -> list[Sums]:
        """The sums over each of several kinds of targets [B*T] (-100 elsewhere) from one forward pass.

        The output layer sees the positions that have a target of the kind and no others.
        """
        if not self.fused:
            logits_NV = self.logits(batch).flatten(0, 1)
            return [_as_sums(plain_cross_entropy(logits_NV, targets_N, options)) for targets_N in kinds]
        hidden_ND = self.hidden(batch).flatten(0, 1)
        found = []
        for targets_N in kinds:
            places = _places(targets_N, self.head.weight.shape[0] if options.compile else None)
            sums = fused_linear_cross_entropy(
                hidden_ND[places], self.head.weight, self.head.bias, targets_N[places], options
            )
            found.append(_as_sums(sums))
        return found

    def chunked_loss(
        self, batch: Batch, chunk_loss: ChunkLoss, *, number_of_sums: int, options: LossOptions
    ) -> tuple[Tensor, Tensor]:
        """The objective (0-d fp32, with gradient) and the detached sums [S] of a loss that is given chunk by chunk."""
        if self.fused:
            hidden_ND = self.hidden(batch).flatten(0, 1)
            head = self.head
            return fused_linear_loss(
                hidden_ND, head.weight, head.bias, chunk_loss, number_of_sums=number_of_sums, chunk=options.chunk
            )
        logits_NV = self.logits(batch).flatten(0, 1)
        size = options.chunk or chunk_tokens(logits_NV.shape[1], logits_NV.device)
        parts: list[Tensor] = []
        for start in range(0, len(logits_NV), size):
            rows = slice(start, start + size)
            with torch.no_grad():
                part, sums_S, gradient_nV = chunk_loss(logits_NV[rows].detach(), rows, 1.0, torch.float32)
            # A product whose gradient by the logits is the given one, and whose value is taken away again.
            slope = (logits_NV[rows].float() * gradient_nV).sum()
            parts.append(torch.cat([(slope - slope.detach() + part)[None], sums_S]))
        objective_and_sums = torch.stack(parts).sum(0)
        return objective_and_sums[0], objective_and_sums[1:].detach()


def _as_sums(sums: LossSums) -> Sums:
    return {"objective": sums.objective, "cross_entropy": sums.cross_entropy}


def _places(targets_N: Tensor, vocabulary: int | None) -> Tensor:
    """Positions with a target; under compilation (`vocabulary` given) filled up to whole chunks, so that shapes repeat."""
    places = (targets_N != IGNORED).nonzero().squeeze(1)
    if vocabulary is None or len(places) == len(targets_N):
        return places
    size = chunk_tokens(vocabulary, targets_N.device)
    spare = (targets_N == IGNORED).nonzero().squeeze(1)[: -len(places) % size]
    return torch.cat([places, spare])


@contextlib.contextmanager
def training_network(model: PreTrainedModel, objective: Loss, *, fused: bool | None = None) -> Iterator[Network]:
    """Within the block `model(labels=..., **batch)` returns the loss sums of `objective`.

    `fused` is given where the model cannot be probed.
    """
    previous = model.__dict__.get("forward")
    network = Network(model, fused=fused)
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
