"""GPT-NeoX as Pythia has it (Biderman et al. 2023): attention beside the feed-forward layer, a quarter of each head rotary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from babyllama.architectures.family import Family, Layout, SpecialIds, head_problems, plain_width
from babyllama.config import ModelSection

if TYPE_CHECKING:
    from torch import nn
    from transformers import PretrainedConfig


class GPTNeoX(Family):
    """The GPT-NeoX family."""

    name = "GPTNeoX"
    summary = (
        "Pythia: attention beside the feed-forward layer, LayerNorm, a quarter rotary, GELU; no dropout unless set"
    )
    optional_keys = frozenset({"resid_pdrop", "attn_pdrop"})
    embeddings = frozenset({"embed_in"})
    attention = frozenset({"attention"})

    def problems(self, model: ModelSection) -> Iterator[tuple[str, str]]:
        """Values that GPT-NeoX cannot build."""
        yield from head_problems(model, 8, "rotary embeddings on a quarter of it need a multiple of 8")

    def feed_forward(self, model: ModelSection) -> int:
        """Four times the width."""
        return plain_width(model)

    def build(self, model: ModelSection, vocab_size: int, positions: int, special: SpecialIds) -> PretrainedConfig:
        """The Hugging Face configuration; `resid_pdrop` also drops embeddings, as the family has one number for both."""
        from transformers import GPTNeoXConfig

        return GPTNeoXConfig(
            vocab_size=vocab_size,
            hidden_size=model.hidden_size,
            intermediate_size=self.feed_forward(model),
            num_hidden_layers=model.n_layer,
            num_attention_heads=model.n_head,
            max_position_embeddings=positions,
            initializer_range=model.initializer_range,
            hidden_dropout=model.resid_pdrop or 0.0,
            attention_dropout=model.attn_pdrop or 0.0,
            tie_word_embeddings=model.tie_word_embeddings,
            **special,
        )

    def _layout(self, name: str, network: nn.Module) -> Layout:
        """Query, key and value of each head lie side by side in one matrix."""
        config: Any = network.config
        return Layout(parts=3, groups=config.num_attention_heads) if name.endswith("query_key_value") else Layout()
