"""The registry of model families: a configuration's `model` section -> a Hugging Face model, or its sizes without one.

A family is one file in this folder: it knows its Hugging Face configuration, its rules and its defaults;
`babyllama.config.tables.FAMILIES` lists them. transformers is imported inside `build` only, so that the configuration
check stays fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from babyllama.config import ModelSection
from babyllama.config.tables import FAMILIES
from babyllama.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


Marks = Mapping[str, int | None]
"""pad_token_id, bos_token_id and eos_token_id of the tokenizer; None for a mark it lacks."""
OWN_MARKS: Marks = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
"""Those of the tokenizers that BabyLlama trains."""


class Family(Protocol):
    """What a family file provides."""

    name: str
    """The value of `model.type`."""
    summary: str
    """One line for tables: what sets this family apart."""
    optional_keys: frozenset[str]
    """Keys of the `model` section that this family uses and not every family has."""

    def problems(self, model: ModelSection) -> Iterable[tuple[str, str]]:
        """(key, broken rule) for every value that this family cannot build."""

    def feed_forward(self, model: ModelSection) -> int:
        """Width of the feed-forward layer, the family's default included."""

    def build(self, model: ModelSection, vocab_size: int, positions: int, marks: Marks) -> PretrainedConfig:
        """The Hugging Face configuration."""


def family(name: str) -> Family:
    """The family called `name`; ConfigError with a suggestion when there is none."""
    return FAMILIES.get(name)()


def families() -> list[Family]:
    """Every registered family."""
    return [found() for _, found in FAMILIES.items()]


def build_config(
    model: ModelSection, *, vocab_size: int, seq_length: int, marks: Marks | None = None
) -> PretrainedConfig:
    """The Hugging Face configuration of `model` for a tokenizer of `vocab_size` entries and blocks of `seq_length`.

    `marks` are the ids of the tokenizer's special tokens (`babyllama.tokenizer.special_ids`), by default those of our
    own. A pad_token_id of None leaves the embedding without a padding row.
    """
    rows = model.vocab_size or vocab_size
    if rows < vocab_size:
        raise ConfigError(
            f"model.vocab_size = {rows}: the tokenizer has {vocab_size} entries, which need at least as many rows; "
            "remove the key or raise it."
        )
    marks = OWN_MARKS if marks is None else {name: marks.get(name) for name in OWN_MARKS}
    return family(model.type).build(model, rows, model.max_position_embeddings or seq_length, marks)


def build_model(
    model: ModelSection, *, vocab_size: int, seq_length: int, seed: int = 42, marks: Marks | None = None
) -> PreTrainedModel:
    """A freshly initialised model; the same `seed` gives the same weights. The rest is as in `build_config`."""
    import torch
    from transformers import AutoModelForCausalLM

    config = build_config(model, vocab_size=vocab_size, seq_length=seq_length, marks=marks)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32)


def parameter_counts(model: ModelSection, *, vocab_size: int, seq_length: int) -> dict[str, int]:
    """Parameters by part, from the real modules on the meta device, so without memory for weights.

    Parts: `embeddings` (tokens and positions), `attention`, `feed_forward`, `norms`, `output` (zero when tied), `total`.
    """
    import torch
    from transformers import AutoModelForCausalLM

    config = build_config(model, vocab_size=vocab_size, seq_length=seq_length)
    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(config)
    network.tie_weights()
    counts = dict.fromkeys(("embeddings", "attention", "feed_forward", "norms", "output"), 0)
    for name, parameter in network.named_parameters():
        counts[_part(name)] += parameter.numel()
    return {**counts, "total": sum(counts.values())}


def _part(name: str) -> str:
    """The part of the model that a parameter belongs to, by its name in any of the families."""
    pieces = set(name.split("."))
    if pieces & {"embed_tokens", "wte", "wpe"}:
        return "embeddings"
    if "lm_head" in pieces:
        return "output"
    if any(piece.startswith("ln_") or "norm" in piece for piece in pieces):
        return "norms"
    return "attention" if pieces & {"self_attn", "attn"} else "feed_forward"


def even_head_width(model: ModelSection) -> Iterator[tuple[str, str]]:
    """Rotary position embeddings turn pairs of dimensions, so a head's width must be even."""
    width = model.hidden_size // model.n_head
    if width % 2:
        yield (
            "n_head",
            f"a head is {width} wide, and rotary embeddings need an even width; change n_head or hidden_size",
        )
