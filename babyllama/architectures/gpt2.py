"""GPT-2 (Radford et al. 2019): LayerNorm before each layer, learned positions, GELU feed-forward, biases, dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babyllama.architectures.family import Family, Layout, SpecialIds, plain_width
from babyllama.config import ModelSection

if TYPE_CHECKING:
    from torch import nn
    from transformers import PretrainedConfig

DEFAULT_DROPOUT = 0.1


class GPT2(Family):
    """The GPT-2 family."""

    name = "GPT2"
    summary = "LayerNorm, learned positions, GELU; dropout 0.1 unless set"
    optional_keys = frozenset({"resid_pdrop", "attn_pdrop", "embd_pdrop"})
    embeddings = frozenset({"wte", "wpe"})
    attention = frozenset({"attn"})

    def feed_forward(self, model: ModelSection) -> int:
        """Four times the width."""
        return plain_width(model)

    def build(self, model: ModelSection, vocab_size: int, positions: int, special: SpecialIds) -> PretrainedConfig:
        """The Hugging Face configuration."""
        from transformers import GPT2Config

        return GPT2Config(
            vocab_size=vocab_size,
            n_embd=model.hidden_size,
            n_inner=self.feed_forward(model),
            n_layer=model.n_layer,
            n_head=model.n_head,
            n_positions=positions,
            initializer_range=model.initializer_range,
            tie_word_embeddings=model.tie_word_embeddings,
            **dropouts(model),
            **special,
        )

    def _layout(self, name: str, network: nn.Module) -> Layout:
        """Query, key and value stand one after another in one matrix."""
        return Layout(parts=3) if name.endswith("c_attn") else Layout()


def dropouts(model: ModelSection) -> dict[str, float]:
    """The three dropouts, with the published default where the configuration says nothing."""
    values = {name: getattr(model, name) for name in ("resid_pdrop", "attn_pdrop", "embd_pdrop")}
    return {name: DEFAULT_DROPOUT if value is None else value for name, value in values.items()}
