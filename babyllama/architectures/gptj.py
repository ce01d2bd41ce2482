"""GPT-J (Wang and Komatsuzaki 2021): attention and feed-forward in parallel, rotary positions on part of each head."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from babyllama.architectures.family import Family, SpecialIds, plain_width, rotary_head_problems
from babyllama.config import ModelSection

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PretrainedConfig


class GPTJ(Family):
    """The GPT-J family."""

    name = "GPTJ"
    summary = "attention beside the feed-forward layer, rotary positions, GELU; no dropout unless set"
    optional_keys = frozenset({"resid_pdrop", "attn_pdrop", "embd_pdrop"})
    embeddings = frozenset({"wte"})
    attention = frozenset({"attn"})

    def problems(self, model: ModelSection) -> Iterator[tuple[str, str]]:
        """Values that GPT-J cannot build."""
        yield from rotary_head_problems(model)

    def feed_forward(self, model: ModelSection) -> int:
        """Four times the width."""
        return plain_width(model)

    def build(self, model: ModelSection, vocab_size: int, positions: int, special: SpecialIds) -> PretrainedConfig:
        """The Hugging Face configuration; 64 dimensions of each head are rotated, or all of a narrower head."""
        from transformers import GPTJConfig

        assert model.n_head is not None
        return GPTJConfig(
            vocab_size=vocab_size,
            n_embd=model.hidden_size,
            n_inner=self.feed_forward(model),
            n_layer=model.n_layer,
            n_head=model.n_head,
            n_positions=positions,
            rotary_dim=min(64, model.hidden_size // model.n_head),
            resid_pdrop=model.resid_pdrop or 0.0,
            attn_pdrop=model.attn_pdrop or 0.0,
            embd_pdrop=model.embd_pdrop or 0.0,
            initializer_range=model.initializer_range,
            tie_word_embeddings=model.tie_word_embeddings,
            **special,
        )

    @contextlib.contextmanager
    def training(self, network: nn.Module) -> Iterator[None]:
        """Attention through torch's kernels: GPT-J's own code computes it in fp32 and never fuses it."""
        with super().training(network), fused_attention(network):
            yield


@contextlib.contextmanager
def fused_attention(model: nn.Module) -> Iterator[None]:
    """Within the block, GPT-J layers of `model` attend as the newer families do: through the functions transformers registers.

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
        layer._attn = types.MethodType(_registered_attention, layer)  # type: ignore[method-assign]
    # The family reads this when it makes masks: `sdpa` is a boolean mask, or none where plain causal will do.
    config._attn_implementation = "sdpa"
    patched: Any = model
    patched._supports_attention_backend = True
    try:
        yield
    finally:
        config._attn_implementation = "eager"
        del patched._supports_attention_backend
        for layer in layers:
            del layer._attn


def _registered_attention(
    self: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None = None
) -> tuple[Tensor, None]:
    """Stand-in for `GPTJAttention._attn`: [B, heads, T, d] each; returns the values and no weights."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    attend = ALL_ATTENTION_FUNCTIONS[self.config._attn_implementation]
    dropout = self.attn_dropout.p if self.training else 0.0
    output, _ = attend(self, query.to(value.dtype), key.to(value.dtype), value, attention_mask, dropout=dropout)
    return output.transpose(1, 2), None
