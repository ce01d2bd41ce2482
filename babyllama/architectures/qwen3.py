"""Qwen3 (Yang et al. 2025): Llama with an RMSNorm on each head's queries and keys, which steadies training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babyllama.architectures.family import SpecialIds
from babyllama.architectures.llama import Llama
from babyllama.config import ModelSection

if TYPE_CHECKING:
    from transformers import PretrainedConfig


class Qwen3(Llama):
    """The Qwen3 family; its keys, rules and widths are those of Llama."""

    name = "Qwen3"
    summary = "RMSNorm, also on queries and keys, rotary positions, SwiGLU; no dropout but on attention"

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
