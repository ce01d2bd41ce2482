"""Cross-entropy of one target token a position, with label smoothing and z-loss: formula, kernel and plain reference.

Shapes: N tokens, n tokens of a chunk, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from babyllama.dataset.packed import IGNORED
from babyllama.training.objectives.linear_loss import fused_linear_loss


@dataclass(frozen=True)
class LossOptions:
    """What the optimizer minimises: cross-entropy, smoothed by `label_smoothing`, plus `z_loss` * log(Z)^2 per token."""

    label_smoothing: float = 0.0
    z_loss: float = 0.0
    compile: bool = False
    """Compile the chunk's softmax and gradient into one kernel."""
    chunk: int | None = None
    """Tokens whose logits exist at once; None: what suits the device."""


class LossSums(NamedTuple):
    """Sums over target tokens, as 0-d fp32 tensors."""

    objective: Tensor
    """What is minimised; carries the gradient."""
    cross_entropy: Tensor
    """Plain cross-entropy in nats, detached: the reported loss."""


def softmax_gradient(
    logits_nV: Tensor, targets_n: Tensor, label_smoothing: float, z_loss: float, scale: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Objective and cross-entropy summed over the chunk, and `scale` times the objective's gradient by the logits."""
    logits_nV = logits_nV.float()
    valid_n = targets_n != IGNORED
    safe_n1 = targets_n.clamp_min(0).unsqueeze(1)
    normaliser_n1 = torch.logsumexp(logits_nV, dim=1, keepdim=True)
    cross_entropy_n = (normaliser_n1 - logits_nV.gather(1, safe_n1)).squeeze(1)
    zero = torch.zeros((), device=logits_nV.device)
    cross_entropy = torch.where(valid_n, cross_entropy_n, zero).sum()
    objective_n = cross_entropy_n
    weight_n1 = torch.full_like(normaliser_n1, scale)
    if label_smoothing:
        uniform_n = (normaliser_n1 - logits_nV.mean(dim=1, keepdim=True)).squeeze(1)
        objective_n = (1 - label_smoothing) * cross_entropy_n + label_smoothing * uniform_n
    if z_loss:
        objective_n = objective_n + z_loss * normaliser_n1.squeeze(1) ** 2
        weight_n1 = weight_n1 * (1 + 2 * z_loss * normaliser_n1)
    objective = torch.where(valid_n, objective_n, zero).sum()
    gradient_nV = torch.exp(logits_nV - normaliser_n1) * weight_n1
    if label_smoothing:
        gradient_nV = gradient_nV - scale * label_smoothing / logits_nV.shape[1]
    columns_1V = torch.arange(logits_nV.shape[1], device=logits_nV.device).unsqueeze(0)
    gradient_nV = torch.where(columns_1V == safe_n1, gradient_nV - scale * (1 - label_smoothing), gradient_nV)
    gradient_nV = torch.where(valid_n.unsqueeze(1), gradient_nV, zero)
    return objective, cross_entropy, gradient_nV.to(dtype)


def softmax_gradient_in_place(
    logits_nV: Tensor, targets_n: Tensor, label_smoothing: float, z_loss: float, scale: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """`softmax_gradient` for the eager mode, where each pass over the chunk counts: log-softmax, exp, two touches."""
    valid_n = targets_n != IGNORED
    safe_n1 = targets_n.clamp_min(0).unsqueeze(1)
    first_n = logits_nV[:, 0].float() if z_loss else None
    log_p_nV = torch.log_softmax(logits_nV, dim=1, dtype=torch.float32)
    log_target_n = log_p_nV.gather(1, safe_n1).squeeze(1)
    cross_entropy = -(log_target_n * valid_n).sum()
    objective, weight_n = cross_entropy, valid_n * scale
    if label_smoothing:
        uniform = -(log_p_nV.mean(dim=1) * valid_n).sum()
        objective = (1 - label_smoothing) * objective + label_smoothing * uniform
    if first_n is not None:
        normaliser_n = first_n - log_p_nV[:, 0]
        objective = objective + z_loss * (normaliser_n**2 * valid_n).sum()
        weight_n = weight_n * (1 + 2 * z_loss * normaliser_n)
    gradient_nV = log_p_nV.exp_().mul_(weight_n.unsqueeze(1))
    if label_smoothing:
        gradient_nV -= (valid_n * (scale * label_smoothing / logits_nV.shape[1])).unsqueeze(1)
    target_n1 = (valid_n * (scale * (label_smoothing - 1))).unsqueeze(1)
    gradient_nV.scatter_add_(1, safe_n1, target_n1.to(gradient_nV.dtype))
    return objective, cross_entropy, gradient_nV.to(dtype)


_compiled: Callable[..., tuple[Tensor, Tensor, Tensor]] | None = None


def _chunk_function(compile_it: bool) -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    global _compiled
    if not compile_it:
        return softmax_gradient_in_place
    if _compiled is None:
        _compiled = torch.compile(softmax_gradient, dynamic=False)
    return _compiled


def fused_linear_cross_entropy(
    hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None, targets_N: Tensor, options: LossOptions
) -> LossSums:
    """Sums of objective and cross-entropy over the targets that are not -100; differentiable once.

    `targets_N` [N] is what position n predicts, -100 where it predicts nothing.
    """
    formula = _chunk_function(options.compile)

    def chunk_loss(logits_nV: Tensor, rows: slice, scale: float, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        return formula(logits_nV, targets_N[rows], options.label_smoothing, options.z_loss, scale, dtype)

    objective, sums_S = fused_linear_loss(
        hidden_ND, weight_VD, bias_V, chunk_loss, number_of_sums=1, chunk=options.chunk
    )
    return LossSums(objective, sums_S[0])


def plain_cross_entropy(logits_NV: Tensor, targets_N: Tensor, options: LossOptions) -> LossSums:
    """The same sums from full logits through torch's own cross-entropy: for output layers that are not one matrix."""
    logits = logits_NV.float()
    valid = targets_N != IGNORED
    cross_entropy = torch.nn.functional.cross_entropy(logits, targets_N, ignore_index=IGNORED, reduction="sum")
    objective = cross_entropy
    if options.label_smoothing:
        objective = torch.nn.functional.cross_entropy(
            logits, targets_N, ignore_index=IGNORED, reduction="sum", label_smoothing=options.label_smoothing
        )
    if options.z_loss:
        objective = objective + options.z_loss * (torch.logsumexp(logits, -1)[valid] ** 2).sum()
    return LossSums(objective, cross_entropy.detach())
