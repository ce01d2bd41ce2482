"""Attention that stays inside a document, for every family.

A block holds several documents. `document_mask` lets a token see the tokens before it in its own document only; with
positions that restart at each document, a packed document gets the logits it would get alone (tested per family).
GPT-J's own code computes attention in fp32 and never fuses it; `fused_gptj_attention` gives it torch's kernels.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn


def document_mask(document_ids_BT: Tensor, implementation: str, dtype: torch.dtype) -> Tensor:
    """Mask [B, 1, T, T]: query i sees key j when j <= i and both lie in one document.

    Boolean for `sdpa`; for `eager` additive in `dtype`, with its lowest number where nothing is seen.
    """
    length = document_ids_BT.shape[1]
    causal_TT = torch.ones(length, length, dtype=torch.bool, device=document_ids_BT.device).tril()
    same_BTT = document_ids_BT.unsqueeze(2) == document_ids_BT.unsqueeze(1)
    mask = (same_BTT & causal_TT).unsqueeze(1)
    if implementation == "sdpa":
        return mask
    additive = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return additive.masked_fill_(~mask, torch.finfo(dtype).min)


@contextlib.contextmanager
def fused_gptj_attention(model: nn.Module) -> Iterator[None]:
    """Within the block, GPT-J layers of `model` attend through `scaled_dot_product_attention`.

    The weights and what is saved stay as they are; only how `softmax(QK^T / sqrt(d)) V` is computed changes. Models of
    other families pass through untouched.
    """
    from transformers.models.gptj.modeling_gptj import GPTJAttention

    layers = [module for module in model.modules() if type(module) is GPTJAttention]
    config: Any = getattr(model, "config", None)
    if not layers or config._attn_implementation != "eager":
        yield
        return
    for layer in layers:
        layer._attn = types.MethodType(_gptj_sdpa, layer)  # type: ignore[method-assign]
    # The family reads this when it makes masks: `sdpa` is a boolean mask, or none where plain causal will do.
    config._attn_implementation = "sdpa"
    try:
        yield
    finally:
        config._attn_implementation = "eager"
        for layer in layers:
            del layer._attn


def _gptj_sdpa(
    self: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None = None
) -> tuple[Tensor, None]:
    """Stand-in for `GPTJAttention._attn`: [B, heads, T, d] each; returns the values and no weights."""
    output = nn.functional.scaled_dot_product_attention(
        query.to(value.dtype),
        key.to(value.dtype),
        value,
        attn_mask=attention_mask,
        dropout_p=self.attn_dropout.p if self.training else 0.0,
        is_causal=attention_mask is None and query.shape[2] > 1,
    )
    return output, None
