"""Qwen3 (Yang et al. 2025): Llama with an RMSNorm on each head's queries and keys, which steadies training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from babyllama.architectures.family import Family, SpecialIds, gated_width, rotary_head_problems
from babyllama.config import ModelSection

if TYPE_CHECKING:
    from transformers import PretrainedConfig


class Qwen3(Family):
    """The Qwen3 family."""

    name = "Qwen3"
    summary = "RMSNorm, also on queries and keys, rotary positions, SwiGLU; no dropout but on attention"
    optional_keys = frozenset({"n_kv_head", "attn_pdrop"})

    def problems(self, model: ModelSection) -> Iterator[tuple[str, str]]:
        """Values that Qwen3 cannot build."""
        yield from rotary_head_problems(model)

    def feed_forward(self, model: ModelSection) -> int:
        """8/3 of the width, rounded up to a multiple of 64."""
        return gated_width(model)

    def build(self, model: ModelSection, vocab_size: int, positions: int, special: SpecialIds) -> PretrainedConfig:
        """The Hugging Face configuration; the heads share out the width, where published models have wider ones."""
        from transformers import Qwen3Config

        assert model.n_head is not None
        return Qwen3Config(
            vocab_size=vocab_size,
            hidden_size=model.hidden_size,
            intermediate_size=self.feed_forward(model),
            num_hidden_layers=model.n_layer,
            num_attention_heads=model.n_head,
            num_key_value_heads=model.n_kv_head or model.n_head,
            head_dim=model.hidden_size // model.n_head,
            max_position_embeddings=positions,
            initializer_range=model.initializer_range,
            attention_dropout=model.attn_pdrop or 0.0,
            tie_word_embeddings=model.tie_word_embeddings,
            **special,
        )
