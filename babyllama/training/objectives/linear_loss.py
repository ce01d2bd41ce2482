"""Output layer and loss in one: the logits of all tokens never exist at once.

The last hidden states [N, D] meet the output matrix [V, D] in chunks of tokens. Each chunk's logits become its loss and,
still in the forward pass, the gradients of hidden states and output matrix; then they are dropped. Beside the memory,
this saves reading [N, V] floats several times over, which on small models costs more than the layers themselves.
The idea is that of Liger Kernel (Hsu et al. 2024, arXiv:2410.10989) and Cut Cross-Entropy (Wijmans et al. 2024).

torch 2.13 has one of its own (`torch.nn.functional.linear_cross_entropy`), which knows neither a z-loss nor the plain loss
beside a smoothed one, and no other loss. benchmarks/loss.py, fp32, two Zen 3 cores, forward and backward, torch's time over
ours: 1.0 at a vocabulary of 2,048, 1.1-1.3 at 4,096 and 8,192, 1.4-1.9 at 16,000; the plain way takes 1.2-1.6 times as long.

Shapes: B batch, T tokens, N = B*T, n tokens of a chunk, D width, V vocabulary, S sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_FP16_HEADROOM = 1024.0
"""Gradients of logits are held this many times larger in fp16, whose smallest normal number is 6e-5."""
_CHUNK_BYTES = {"cpu": 6 << 20, "cuda": 512 << 20}
"""Size of a chunk's fp32 logits: what stays in a CPU's cache between the passes over it, enough to fill a GPU."""
_FEWEST_TOKENS = 512
"""Fewer rows would make the products, and adding up the output matrix' gradient, slower than the cache makes the passes."""

ChunkLoss = Callable[[Tensor, slice, float, torch.dtype], tuple[Tensor, Tensor, Tensor]]
"""(logits [n, V], which of the N rows they are, scale, dtype) -> the objective's sum over the chunk, sums [S] to report, and
`scale` times the objective's gradient by the logits [n, V] in `dtype`. It may overwrite the logits."""


def chunk_tokens(vocabulary: int, device: torch.device) -> int:
    """Tokens per chunk: a multiple of 64 whose fp32 logits fit the device's budget, but not too few for a product."""
    budget = _CHUNK_BYTES.get(device.type, 64 << 20)
    return max(_FEWEST_TOKENS, budget // (4 * vocabulary) // 64 * 64)


class _FusedLinearLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        chunk_loss: ChunkLoss,
        number_of_sums: int,
        chunk: int,
    ) -> tuple[Tensor, Tensor]:
        device = hidden_ND.device.type
        autocast = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if autocast else weight_VD.dtype
        scale = _FP16_HEADROOM if dtype == torch.float16 else 1.0
        want_hidden, want_weight, want_bias = ctx.needs_input_grad[:3]
        with torch.autocast(device, enabled=False), torch.no_grad():
            weight = weight_VD.to(dtype)
            bias = None if bias_V is None else bias_V.to(dtype)
            objective = torch.zeros((), dtype=torch.float32, device=hidden_ND.device)
            sums_S = torch.zeros(number_of_sums, dtype=torch.float32, device=hidden_ND.device)
            grad_hidden = torch.empty_like(hidden_ND, dtype=dtype) if want_hidden else None
            grad_weight = torch.zeros_like(weight_VD, dtype=torch.float32) if want_weight else None
            grad_bias = torch.zeros_like(bias_V, dtype=torch.float32) if want_bias and bias_V is not None else None
            for start in range(0, hidden_ND.shape[0], chunk):
                rows = slice(start, start + chunk)
                hidden_nD = hidden_ND[rows].to(dtype)
                logits_nV = torch.nn.functional.linear(hidden_nD, weight, bias)
                part, sums, gradient_nV = chunk_loss(logits_nV, rows, scale, dtype)
                del logits_nV
                objective += part
                sums_S += sums
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
        ctx.mark_non_differentiable(sums_S)
        return objective, sums_S

    @staticmethod
    def backward(ctx: Any, grad_objective: Tensor, _unused: Tensor) -> tuple[Tensor | None, ...]:
        saved = iter(ctx.saved_tensors)
        factor = grad_objective / ctx.scale
        grads = []
        for present, dtype in zip(ctx.present, ctx.dtypes, strict=True):
            # In fp32 first: under fp16 the factor holds the loss scale, and the product may not fit fp16 in between.
            grads.append((next(saved).float() * factor).to(dtype) if present else None)
        return (*grads, None, None, None)


def fused_linear_loss(
    hidden_ND: Tensor,
    weight_VD: Tensor,
    bias_V: Tensor | None,
    chunk_loss: ChunkLoss,
    *,
    number_of_sums: int,
    chunk: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The objective (0-d fp32, differentiable once) and the detached sums [S], both over all chunks.

    Products run in the autocast format where autocast is on, else in the weight's; losses and sums in fp32. Without
    gradients wanted, none are formed for hidden states and weights. `chunk` is tokens at once, by default what suits the
    device.
    """
    # Arguments of a Function's forward lose their graph; whether gradients are wanted is decided out here.
    if not torch.is_grad_enabled():
        hidden_ND, weight_VD = hidden_ND.detach(), weight_VD.detach()
        bias_V = None if bias_V is None else bias_V.detach()
    size = chunk or chunk_tokens(weight_VD.shape[0], hidden_ND.device)
    objective, sums_S = _FusedLinearLoss.apply(hidden_ND, weight_VD, bias_V, chunk_loss, number_of_sums, size)
    return objective, sums_S.detach()
