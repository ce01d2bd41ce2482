"""Any causal model of transformers, by the name of its class: `type: hf` and `architecture: MistralForCausalLM`.

The keys of the `model` section reach its configuration under Hugging Face's standard names; the raw keys below `hf:` go
there as they are and win. What such a model can do is found out by trying it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from babyllama.architectures.family import Family, SpecialIds
from babyllama.config import ModelSection
from babyllama.errors import ConfigError
from babyllama.registry import nearest

if TYPE_CHECKING:
    from torch import nn
    from transformers import PretrainedConfig

STANDARD = {
    "hidden_size": "hidden_size",
    "intermediate_size": "intermediate_size",
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "n_kv_head": "num_key_value_heads",
    "attn_pdrop": "attention_dropout",
    "resid_pdrop": "resid_pdrop",
    "embd_pdrop": "embd_pdrop",
    "initializer_range": "initializer_range",
    "tie_word_embeddings": "tie_word_embeddings",
    "max_position_embeddings": "max_position_embeddings",
}
"""Keys of the `model` section -> Hugging Face's standard names, which a class may map to names of its own."""


class HuggingFace(Family):
    """Every class that AutoModelForCausalLM can build."""

    name = "hf"
    summary = "any causal model of transformers: architecture: MistralForCausalLM (Olmo2..., Gemma2..., Mamba...)"
    optional_keys = frozenset({"architecture", "hf", "n_kv_head", "resid_pdrop", "attn_pdrop", "embd_pdrop"})
    probed = True

    def problems(self, model: ModelSection) -> Iterator[tuple[str, str]]:
        """What can be said without loading transformers; `build` says the rest."""
        if model.architecture is None:
            yield "architecture", "is required: the name of a causal class of transformers, such as MistralForCausalLM"

    def feed_forward(self, model: ModelSection) -> int:
        """What the configuration of the class says, 0 where it says nothing."""
        special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
        built = self.build(model, vocab_size=model.vocab_size or 1 << 16, positions=8, special=special)
        return (
            model.intermediate_size or getattr(built, "intermediate_size", None) or getattr(built, "n_inner", None) or 0
        )

    def build(self, model: ModelSection, vocab_size: int, positions: int, special: SpecialIds) -> PretrainedConfig:
        """The configuration of the class. ConfigError for a class or key that there is not, and for what it refuses."""
        kind = _config_class(str(model.architecture))
        plain = kind()
        _check_raw_keys(model, plain)
        keys: dict[str, Any] = {}
        for key, name in STANDARD.items():
            value = positions if key == "max_position_embeddings" else getattr(model, key)
            if value is None:
                continue
            if hasattr(plain, name):
                keys[name] = value
            elif key in model.model_fields_set and getattr(model, key) is not None:
                raise ConfigError(
                    f"model.{key}: {model.architecture} has no {name}; remove the key, or write the name it has below model.hf."
                )
        raw = {name for name in STANDARD.values() if {name, plain.attribute_map.get(name)} & set(model.hf)}
        if hasattr(plain, "num_attention_heads") and not {"num_attention_heads"} & ({*keys} | raw):
            raise ConfigError(f"model.n_head is required: {model.architecture} has attention heads.")
        keys = _in_proportion(model, plain, kind, keys | {"vocab_size": vocab_size, **special})
        keys = {name: value for name, value in keys.items() if name not in raw}
        return _built(str(model.architecture), kind, keys | model.hf)

    def parts(self, network: nn.Module) -> dict[str, str]:
        """Embeddings and the output layer are found by their modules, the rest by the usual words in a name."""
        from torch import nn

        embeddings = {id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding)}
        head: Any = network.get_output_embeddings() if hasattr(network, "get_output_embeddings") else None
        found = {}
        for name, parameter in network.named_parameters():
            if id(parameter) in embeddings:
                found[name] = "embeddings"
            elif head is not None and any(parameter is own for own in head.parameters()):
                found[name] = "output"
            else:
                found[name] = self._part(name)
        return found

    def _part(self, name: str) -> str:
        part = super()._part(name)
        sounds_like_attention = any("att" in piece or piece == "mixer" for piece in name.split("."))
        return "attention" if part == "feed_forward" and sounds_like_attention else part


def _config_class(architecture: str) -> Any:
    """The configuration class of a causal class of transformers."""
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    kinds = {name: kind for kind, name in reversed(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items()) if isinstance(name, str)}
    if architecture not in kinds:
        best = nearest(architecture, kinds)
        hint = f"did you mean {best}?" if best else f"there are {len(kinds)}, such as MistralForCausalLM"
        raise ConfigError(f"model.architecture = {architecture!r}: transformers has no such causal class; {hint}")
    return CONFIG_MAPPING[kinds[architecture]]


def _check_raw_keys(model: ModelSection, plain: Any) -> None:
    """transformers takes any key and does nothing with one it does not know; here it is a mistake."""
    for key in model.hf:
        if not hasattr(plain, key):
            known = [name for name in plain.to_dict() if not name.startswith("_")]
            best = nearest(key, [*known, *plain.attribute_map])
            hint = f"did you mean {best}?" if best else f"it has: {', '.join(known)}"
            raise ConfigError(f"model.hf.{key}: {type(plain).__name__} has no such key; {hint}")


def _in_proportion(model: ModelSection, plain: Any, kind: Any, keys: dict[str, Any]) -> dict[str, Any]:
    """Sizes that a class states for its published model, brought to the width of this one: key/value heads, the width of a
    head, and the feed-forward layer in the class's own proportion, rounded up to a multiple of 64."""
    heads = model.n_head
    if heads is not None and getattr(plain, "num_key_value_heads", None) is not None:
        keys.setdefault("num_key_value_heads", heads)
    if heads is not None and isinstance(getattr(plain, "head_dim", None), int) and "head_dim" in plain.to_dict():
        keys["head_dim"] = max(1, model.hidden_size // heads)
    stated = getattr(plain, "intermediate_size", None)
    if isinstance(stated, int) and model.intermediate_size is None:
        # A class that derives it from the width needs no help.
        derived = kind(
            **{name: value for name, value in keys.items() if name in ("hidden_size", "num_attention_heads")}
        )
        if derived.intermediate_size == stated:
            keys["intermediate_size"] = -(-stated * model.hidden_size // (plain.hidden_size * 64)) * 64
    return keys


def _built(architecture: str, kind: Any, keys: dict[str, Any]) -> Any:
    from huggingface_hub.errors import StrictDataclassError

    try:
        return kind(**keys)
    except (StrictDataclassError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"model: {architecture} refuses these values: {reason} (raw keys go below model.hf)"
        ) from error
