"""Attention of short rows on a CPU in bf16: two matrix products and one soft-max, over all heads of the batch at once.

torch's fused attention never holds the [T, T] scores, which pays where they are large. For rows of up to 512 tokens they
are small, and products that the processor's bf16 units compute in one call are faster: forward and backward of 32 rows of
128 tokens with 4 heads of 32 take 11 ms, fused attention 50 in bf16 and 15 in fp32; with heads of 64 13, 55 and 26; 16 rows
of 256 tokens with 6 heads of 64 28, 59 and 59; 16 rows of 512 with 8 heads 159, 236 and 303 (Xeon with AMX, one thread,
torch 2.13, memory kept).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from babyllama.training.machine import Machine

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LONGEST_ROW = 512
"""Tokens of a row up to which the products are the faster: at 1,024 they gain a tenth, and scores take much memory."""
_NAME = "sdpa_short_rows"
_ADDED = ("position_bias", "softcap", "s_aux", "cache")
"""What transformers' families may ask of attention beyond the plain formula."""


@contextlib.contextmanager
def short_row_attention(model: PreTrainedModel, machine: Machine, seq_length: int) -> Iterator[None]:
    """Within the block, attention is computed by products where that is the faster; what is saved stays as it was."""
    applies = (
        machine.device.type == "cpu"
        and machine.precision.name == "bf16"
        and seq_length <= LONGEST_ROW
        and model.config._attn_implementation == "sdpa"
        and getattr(model, "_supports_attention_backend", False)
    )
    if applies:
        _register()
        model.config._attn_implementation = _NAME
    try:
        yield
    finally:
        if applies:
            model.config._attn_implementation = "sdpa"


def _register() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(_NAME, _attention)
    AttentionMaskInterface.register(_NAME, sdpa_mask)


def _attention(
    module: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Query [B, H, T, D], key and value [B, H or a divisor of it, T, D] -> output [B, T, H, D] in the values' format.

    Dropout, additive masks, what a family adds to the formula, and what is computed outside autocast are left to torch's
    attention, which on short rows is the faster in fp32, and which refuses what it cannot do.
    """
    with torch.autocast(query.device.type, enabled=False):
        if _products_do(query, value, attention_mask, **options):
            groups = query.shape[1] // key.shape[1]
            if groups > 1:
                key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
            mask = _seen(module, query.shape[2], query.device, **options) if attention_mask is None else attention_mask
            scale = options.get("scaling") or query.shape[-1] ** -0.5
            output = _ProductAttention.apply(query.to(value.dtype), key.to(value.dtype), value, mask, scale)
            return output.transpose(1, 2).contiguous(), None
        # With dropout torch keeps the scores, which fp32 would make twice as large for the same time.
        dtype = value.dtype if options.get("dropout") else torch.float32
        return _torch_attention(module, query, key, value, attention_mask, dtype, **options), None


def _products_do(query: Tensor, value: Tensor, mask: Tensor | None, **options: Any) -> bool:
    plain = not options.get("dropout") and all(options.get(name) is None for name in _ADDED)
    fits = value.dtype == torch.bfloat16 and value.shape[-1] == query.shape[-1]
    return plain and fits and (mask is None or mask.dtype == torch.bool)


def _seen(module: torch.nn.Module, length: int, device: torch.device, **options: Any) -> Tensor:
    """The mask [1, 1, T, T] of rows without one: causal unless the call or the module says otherwise."""
    causal = options.get("is_causal")
    if causal is None:
        causal = getattr(module, "is_causal", True)
    seen = torch.ones(1, 1, length, length, dtype=torch.bool, device=device)
    return seen.tril() if causal else seen


def _torch_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    dtype: torch.dtype,
    **options: Any,
) -> Tensor:
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if mask is not None and mask.is_floating_point():
        mask = mask.to(dtype)
    output, _ = sdpa_attention_forward(module, query.to(dtype), key.to(dtype), value.to(dtype), mask, **options)
    return output.to(value.dtype)


class _ProductAttention(torch.autograd.Function):
    """softmax(scale Q K^T) V in bf16, products and soft-max accumulated in fp32.

    Backward, with P the probabilities and dO the slope of the output: dV = P^T dO, dP = dO V^T, dS = P (dP - sum(P dP)),
    dQ = scale dS K, dK = scale dS^T Q. P [B, H, T, T] is kept for it.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scale: float) -> Tensor:
        """Mask [B or 1, 1, T, T]: True where a key is seen."""
        batch, heads, length, _ = query.shape
        q, k, v = (part.flatten(0, 1) for part in (query, key, value))
        # The mask is added inside the product. Its lowest number is finite, so that a row that sees nothing gives no NaN.
        hidden = torch.zeros(mask.shape, dtype=q.dtype, device=q.device).masked_fill_(~mask, torch.finfo(q.dtype).min)
        bias = hidden.expand(batch, heads, length, length).flatten(0, 1)
        p = torch.softmax(torch.baddbmm(bias, q, k.mT, alpha=scale), dim=-1)
        ctx.save_for_backward(q, k, v, p)
        ctx.shape, ctx.scale = query.shape, scale  # type: ignore[attr-defined]
        return torch.bmm(p, v).view(query.shape)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:  # type: ignore[override]
        """Slopes [B, H, T, D] of query, key and value."""
        q, k, v, p = ctx.saved_tensors
        slope = slope.reshape(q.shape)
        by_value = torch.bmm(p.mT, slope)
        by_score = torch._softmax_backward_data(torch.bmm(slope, v.mT), p, -1, p.dtype)
        by_query = torch.bmm(by_score, k).mul_(ctx.scale)
        by_key = torch.bmm(by_score.mT, q).mul_(ctx.scale)
        return by_query.view(ctx.shape), by_key.view(ctx.shape), by_value.view(ctx.shape), None, None
