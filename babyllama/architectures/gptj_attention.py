"""GPT-J's attention through torch's kernels: its own code computes it in fp32 and never fuses it."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


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
    import torch

    output = torch.nn.functional.scaled_dot_product_attention(
        query.to(value.dtype),
        key.to(value.dtype),
        value,
        attn_mask=attention_mask,
        dropout_p=self.attn_dropout.p if self.training else 0.0,
        is_causal=attention_mask is None and query.shape[2] > 1,
    )
    return output, None
