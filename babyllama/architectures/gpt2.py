"""GPT-2 (Radford et al. 2019): LayerNorm before each layer, learned positions, GELU feed-forward, biases, dropout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from babyllama.architectures.registry import Marks
from babyllama.config import ModelSection

if TYPE_CHECKING:
    from transformers import PretrainedConfig

DEFAULT_DROPOUT = 0.1


class GPT2:
    """The GPT-2 family."""

    name = "GPT2"
    summary = "LayerNorm, learned positions, GELU; dropout 0.1 unless set"
    optional_keys = frozenset({"resid_pdrop", "attn_pdrop", "embd_pdrop"})

    def problems(self, model: ModelSection) -> Iterator[tuple[str, str]]:
        """GPT-2 builds every size."""
        yield from ()

    def feed_forward(self, model: ModelSection) -> int:
        """Four times the width."""
        return model.intermediate_size or 4 * model.hidden_size

    def build(self, model: ModelSection, vocab_size: int, positions: int, marks: Marks) -> PretrainedConfig:
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
            **marks,
        )


def dropouts(model: ModelSection) -> dict[str, float]:
    """The three dropouts of the GPT families, with the published default where the configuration says nothing."""
    values = {name: getattr(model, name) for name in ("resid_pdrop", "attn_pdrop", "embd_pdrop")}
    return {name: DEFAULT_DROPOUT if value is None else value for name, value in values.items()}
