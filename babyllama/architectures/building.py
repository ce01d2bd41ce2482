"""A configuration's `model` section -> a Hugging Face model, or its sizes without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from babyllama.architectures.family import Family, SpecialIds
from babyllama.config import ModelSection
from babyllama.config.tables import FAMILIES
from babyllama.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

OWN_IDS: SpecialIds = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
"""Those of the tokenizers that BabyLlama trains."""


def family(name: str) -> Family:
    """The family called `name`; ConfigError with a suggestion when there is none."""
    return FAMILIES.get(name)()


def families() -> list[Family]:
    """Every registered family."""
    return [found() for _, found in FAMILIES.items()]


def build_config(
    model: ModelSection, *, vocab_size: int, seq_length: int, special: SpecialIds | None = None
) -> PretrainedConfig:
    """The Hugging Face configuration of `model` for a tokenizer of `vocab_size` entries and blocks of `seq_length`.

    `special` are the ids of the tokenizer's special tokens (`babyllama.tokenizer.special_ids`), by default those of our
    own. A pad_token_id of None leaves the embedding without a padding row.
    """
    rows = model.vocab_size or vocab_size
    if rows < vocab_size:
        raise ConfigError(
            f"model.vocab_size = {rows}: the tokenizer has {vocab_size} entries, which need at least as many rows; "
            "remove the key or raise it."
        )
    ids = OWN_IDS if special is None else {name: special.get(name) for name in OWN_IDS}
    return family(model.type).build(model, rows, model.max_position_embeddings or seq_length, ids)


def build_model(
    model: ModelSection, *, vocab_size: int, seq_length: int, seed: int = 42, special: SpecialIds | None = None
) -> PreTrainedModel:
    """A freshly initialised model; the same `seed` gives the same weights. The rest is as in `build_config`."""
    import torch

    config = build_config(model, vocab_size=vocab_size, seq_length=seq_length, special=special)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _from_config(config)


def parameter_counts(model: ModelSection, *, vocab_size: int, seq_length: int) -> dict[str, int]:
    """Parameters by part, from the real modules on the meta device, so without memory for weights.

    Parts: `embeddings` (tokens and positions), `attention`, `feed_forward`, `norms`, `output` (zero when tied), `total`.
    """
    import torch

    config = build_config(model, vocab_size=vocab_size, seq_length=seq_length)
    with torch.device("meta"):
        network = _from_config(config)
    network.tie_weights()
    parts = family(model.type).parts(network)
    counts = dict.fromkeys(("embeddings", "attention", "feed_forward", "norms", "output"), 0)
    for name, parameter in network.named_parameters():
        counts[parts[name]] += parameter.numel()
    return {**counts, "total": sum(counts.values())}


def _from_config(config: PretrainedConfig) -> Any:
    """The model of `config` in fp32; what its code refuses is a mistake of the configuration."""
    import torch
    from transformers import AutoModelForCausalLM

    try:
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        ImportError,
        ZeroDivisionError,
        RuntimeError,
    ) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(f"model: a {type(config).__name__} of these values cannot be built: {reason}") from error
