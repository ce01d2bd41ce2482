"""GPT-J (Wang and Komatsuzaki 2021): attention and feed-forward in parallel, rotary positions on part of each head."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from babyllama.architectures.registry import Marks, even_head_width
from babyllama.config import ModelSection

if TYPE_CHECKING:
    from transformers import PretrainedConfig


class GPTJ:
    """The GPT-J family."""

    name = "GPTJ"
    summary = "attention beside the feed-forward layer, rotary positions, GELU; no dropout unless set"
    optional_keys = frozenset({"resid_pdrop", "attn_pdrop", "embd_pdrop"})

    def problems(self, model: ModelSection) -> Iterator[tuple[str, str]]:
        """Values that GPT-J cannot build."""
        yield from even_head_width(model)

    def feed_forward(self, model: ModelSection) -> int:
        """Four times the width."""
        return model.intermediate_size or 4 * model.hidden_size

    def build(self, model: ModelSection, vocab_size: int, positions: int, marks: Marks) -> PretrainedConfig:
        """The Hugging Face configuration; 64 dimensions of each head are rotated, or all of a narrower head."""
        from transformers import GPTJConfig

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
            **marks,
        )
