"""Linear layer and cross-entropy in one: the logits of all tokens never exist at once.

The last hidden states [N, D] meet the output matrix [V, D] in chunks of tokens. Each chunk's logits become its loss and,
still in the forward pass, the gradients of hidden states and output matrix; then they are dropped. Beside the memory,
this saves reading [N, V] floats several times over, which on small models costs more than the layers themselves.
The idea is that of Liger Kernel (Hsu et al. 2024, arXiv:2410.10989) and Cut Cross-Entropy (Wijmans et al. 2024).

torch 2.13 has one of its own (`torch.nn.functional.linear_cross_entropy`), which knows neither a z-loss nor the plain loss
beside a smoothed one. benchmarks/loss.py, fp32, two Zen 3 cores, forward and backward, torch's time over ours: 1.0 at a
vocabulary of 2,048, 1.1-1.3 at 4,096 and 8,192, 1.4-1.9 at 16,000; the plain way takes 1.2-1.6 times as long as ours.

Shapes: B batch, T tokens, N = B*T, n tokens of a chunk, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from babyllama.dataset.packed import IGNORED

_FP16_HEADROOM = 1024.0
"""Gradients of logits are held this many times larger in fp16, whose smallest normal number is 6e-5."""
_CHUNK_BYTES = {"cpu": 6 << 20, "cuda": 512 << 20}
"""Size of a chunk's fp32 logits: what stays in a CPU's cache between the passes over it, enough to fill a GPU."""
_FEWEST_TOKENS = 256
"""Fewer rows would make the products slower than the cache makes the passes faster."""


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


def chunk_tokens(vocabulary: int, device: torch.device) -> int:
    """Tokens per chunk: a multiple of 64 whose fp32 logits fit the device's budget, but not too few for a product."""
    budget = _CHUNK_BYTES.get(device.type, 64 << 20)
    return max(_FEWEST_TOKENS, budget // (4 * vocabulary) // 64 * 64)


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


def _softmax_gradient_in_place(
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
        return _softmax_gradient_in_place
    if _compiled is None:
        _compiled = torch.compile(softmax_gradient, dynamic=False)
    return _compiled


class _FusedLinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        targets_N: Tensor,
        options: LossOptions,
        chunk: int,
    ) -> tuple[Tensor, Tensor]:
        device = hidden_ND.device.type
        autocast = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if autocast else weight_VD.dtype
        scale = _FP16_HEADROOM if dtype == torch.float16 else 1.0
        step = _chunk_function(options.compile)
        want_hidden, want_weight, want_bias = ctx.needs_input_grad[:3]
        with torch.autocast(device, enabled=False), torch.no_grad():
            weight = weight_VD.to(dtype)
            bias = None if bias_V is None else bias_V.to(dtype)
            objective = torch.zeros((), dtype=torch.float32, device=hidden_ND.device)
            cross_entropy = torch.zeros_like(objective)
            grad_hidden = torch.empty_like(hidden_ND, dtype=dtype) if want_hidden else None
            grad_weight = torch.zeros_like(weight_VD, dtype=torch.float32) if want_weight else None
            grad_bias = torch.zeros_like(bias_V, dtype=torch.float32) if want_bias and bias_V is not None else None
            for start in range(0, hidden_ND.shape[0], chunk):
                rows = slice(start, start + chunk)
                hidden_nD = hidden_ND[rows].to(dtype)
                logits_nV = torch.nn.functional.linear(hidden_nD, weight, bias)
                part, plain, gradient_nV = step(
                    logits_nV, targets_N[rows], options.label_smoothing, options.z_loss, scale, dtype
                )
                del logits_nV
                objective += part
                cross_entropy += plain
                if grad_hidden is not None:
                    torch.mm(gradient_nV, weight, out=grad_hidden[rows])
                if grad_weight is not None:
                    if dtype == grad_weight.dtype:
                        grad_weight.addmm_(gradient_nV.T, hidden_nD)
                    else:
                        grad_weight += gradient_nV.T @ hidden_nD
                if grad_bias is not None:
                    grad_bias += gradient_nV.sum(0, dtype=torch.float32)
        ctx.scale, ctx.dtypes = scale, (hidden_ND.dtype, weight_VD.dtype, None if bias_V is None else bias_V.dtype)
        ctx.save_for_backward(*(g for g in (grad_hidden, grad_weight, grad_bias) if g is not None))
        ctx.present = tuple(g is not None for g in (grad_hidden, grad_weight, grad_bias))
        ctx.mark_non_differentiable(cross_entropy)
        return objective, cross_entropy

    @staticmethod
    def backward(ctx: Any, grad_objective: Tensor, _unused: Tensor) -> tuple[Tensor | None, ...]:
        saved = iter(ctx.saved_tensors)
        factor = grad_objective / ctx.scale
        grads = []
        for present, dtype in zip(ctx.present, ctx.dtypes, strict=True):
            # In fp32 first: under fp16 the factor holds the loss scale, and the product may not fit fp16 in between.
            grads.append((next(saved).float() * factor).to(dtype) if present else None)
        return (*grads, None, None, None)


def fused_linear_cross_entropy(
    hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None, targets_N: Tensor, options: LossOptions
) -> LossSums:
    """Sums of objective and cross-entropy over the targets that are not -100; differentiable once.

    `targets_N` [N] is what position n predicts, -100 where it predicts nothing. Products run in the autocast format where autocast is on, else
    in the weight's; softmax and sums in fp32. Without gradients wanted, none are formed.
    """
    chunk = options.chunk or chunk_tokens(weight_VD.shape[0], hidden_ND.device)
    # Arguments of a Function's forward lose their graph; whether gradients are wanted is decided out here.
    if not torch.is_grad_enabled():
        hidden_ND, weight_VD = hidden_ND.detach(), weight_VD.detach()
        bias_V = None if bias_V is None else bias_V.detach()
    objective, cross_entropy = _FusedLinearCrossEntropy.apply(hidden_ND, weight_VD, bias_V, targets_N, options, chunk)
    return LossSums(objective, cross_entropy.detach())


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
