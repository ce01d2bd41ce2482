"""What a model family is: one class that knows all that is peculiar to it. The rest of the house asks it.

A family's file loads no model library before one of its methods builds a model, so that a configuration is checked at once.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from babyllama.config import ModelSection

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PretrainedConfig

SpecialIds = Mapping[str, int | None]
"""pad_token_id, bos_token_id and eos_token_id of the tokenizer; None for a special token it lacks."""


@dataclass(frozen=True)
class Layout:
    """How a stored matrix relates to the linear maps it holds."""

    transposed: bool = False
    """Stored as [in, out], as GPT-2 does, instead of [out, in]."""
    parts: int = 1
    """Maps in one matrix: 3 for query, key and value."""
    groups: int = 1
    """The parts lie side by side within each of so many equal groups of outputs: the heads, in GPT-NeoX."""

    def maps(self, matrix: Tensor) -> list[Tensor]:
        """A view [groups, rows, in] of `matrix` for each of its maps, whose rows are its outputs."""
        outputs = matrix.T if self.transposed else matrix
        grouped = outputs.unflatten(0, (self.groups, self.parts, -1))
        return [grouped[:, part] for part in range(self.parts)]


class Family(ABC):
    """The `model` section of a configuration as a Hugging Face model."""

    name: ClassVar[str]
    """The value of `model.type`."""
    summary: ClassVar[str]
    """One line for tables: what sets this family apart."""
    optional_keys: ClassVar[frozenset[str]] = frozenset()
    """Keys of the `model` section that this family uses and not every family has."""
    probed: ClassVar[bool] = False
    """Whether what a model of it can do (document masks, the loss from hidden states) must be found out by trying."""

    embeddings: ClassVar[frozenset[str]] = frozenset({"embed_tokens"})
    """Modules, as a parameter's name spells them, that hold embeddings of tokens and positions."""
    output: ClassVar[frozenset[str]] = frozenset({"lm_head"})
    """The output layer."""
    attention: ClassVar[frozenset[str]] = frozenset({"self_attn"})
    """Attention; what is neither of these nor a norm is the feed-forward layer."""

    def problems(self, model: ModelSection) -> Iterator[tuple[str, str]]:
        """(key, broken rule) for every value that this family cannot build."""
        yield from head_problems(model)

    @abstractmethod
    def feed_forward(self, model: ModelSection) -> int:
        """Width of the feed-forward layer, the family's default included."""

    @abstractmethod
    def build(self, model: ModelSection, vocab_size: int, positions: int, special: SpecialIds) -> PretrainedConfig:
        """The Hugging Face configuration of a model with `vocab_size` rows that reads `positions` tokens at once."""

    def parts(self, network: nn.Module) -> dict[str, str]:
        """Name of each parameter -> its part: embeddings, attention, feed_forward, norms or output."""
        return {name: self._part(name) for name, _ in network.named_parameters()}

    def _part(self, name: str) -> str:
        pieces = set(name.split("."))
        if pieces & self.embeddings:
            return "embeddings"
        if pieces & self.output:
            return "output"
        if any(piece.startswith("ln_") or "norm" in piece for piece in pieces):
            return "norms"
        return "attention" if pieces & self.attention else "feed_forward"

    def layouts(self, network: nn.Module) -> dict[int, Layout]:
        """id of each weight of a linear layer -> its layout: what an optimizer of matrices may treat as linear maps."""
        from torch import nn
        from transformers.pytorch_utils import Conv1D

        return {
            id(module.weight): replace(self._layout(name, network), transposed=isinstance(module, Conv1D))
            for name, module in network.named_modules()
            if isinstance(module, nn.Linear | Conv1D)
        }

    def _layout(self, name: str, network: nn.Module) -> Layout:
        """The maps in the linear layer called `name`."""
        return Layout()

    def training(self, network: nn.Module) -> contextlib.AbstractContextManager[None]:
        """Within the block `network` is patched for training; what is saved stays as it is."""
        from babyllama.architectures.activations import fused_gelu

        return fused_gelu(network)


def head_problems(model: ModelSection, multiple_of: int = 1, why: str = "") -> Iterator[tuple[str, str]]:
    """Heads that are missing, do not divide the width, or are not `multiple_of` so many dimensions wide."""
    if model.n_head is None:
        yield "n_head", "is required"
    elif model.hidden_size % model.n_head:
        width, heads = model.hidden_size, model.n_head
        nearest = width - width % heads or heads
        yield "hidden_size", f"must be a multiple of model.n_head ({width} / {heads} is not whole); try {nearest}"
    elif model.hidden_size // model.n_head % multiple_of:
        yield "n_head", f"a head is {model.hidden_size // model.n_head} wide, and {why}; change n_head or hidden_size"
    elif model.n_kv_head and model.n_head % model.n_kv_head:
        yield "n_kv_head", f"must divide n_head ({model.n_head})"


def rotary_head_problems(model: ModelSection) -> Iterator[tuple[str, str]]:
    """Rotary position embeddings turn pairs of dimensions, so a head's width must be even."""
    yield from head_problems(model, 2, "rotary embeddings need an even width")


def gated_width(model: ModelSection) -> int:
    """8/3 of the width, rounded up to a multiple of 64: as many parameters as a plain layer of four times the width."""
    return model.intermediate_size or -(-8 * model.hidden_size // (3 * 64)) * 64


def plain_width(model: ModelSection) -> int:
    """Four times the width."""
    return model.intermediate_size or 4 * model.hidden_size
