"""`model.init_from`: what a model's own configuration says, for keys of ours that are not given.

A run's resolved configuration holds all of them, so it can be read when the model it began with is gone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babyllama.artifacts import read_object
from babyllama.config.problems import Problem
from babyllama.config.raw import RawConfig
from babyllama.config.types import expand_path
from babyllama.errors import ConfigError

FAMILIES_BY_KIND = {"llama": "Llama", "gpt2": "GPT2", "gptj": "GPTJ", "gpt_neox": "GPTNeoX", "qwen3": "Qwen3"}
"""`model_type` of a Hugging Face configuration -> our family."""
NAMES = {
    "hidden_size": ("hidden_size", "n_embd", "d_model"),
    "intermediate_size": ("intermediate_size", "n_inner", "ffn_dim"),
    "n_layer": ("num_hidden_layers", "n_layer", "num_layers"),
    "n_head": ("num_attention_heads", "n_head"),
    "n_kv_head": ("num_key_value_heads",),
    "max_position_embeddings": ("max_position_embeddings", "n_positions"),
    "vocab_size": ("vocab_size",),
}
"""Key of ours -> what classes of transformers call it."""
REQUIRED = ("type", "hidden_size", "n_layer")
KEY = ("model", "init_from")


def fill_in(values: dict[str, Any], raw: RawConfig) -> list[Problem]:
    """Put what follows from other keys into `values` where it is not given; what is wrong with `model.init_from`."""
    data, model = values.setdefault("data", {}), values.get("model")
    if isinstance(data, dict) and data.get("format") == "instructions":
        data.setdefault("packing", "best_fit")  # examples are whole, where they fit
    if not isinstance(model, dict) or not isinstance(model.get("init_from"), str):
        return []
    if isinstance(data, dict):
        data.setdefault("tokenizer_path", model["init_from"])
    if all(model.get(key) is not None for key in REQUIRED):
        return []
    try:
        stated = _own_configuration(expand_path(model["init_from"]))
    except (OSError, ValueError) as error:
        return [Problem(str(error), KEY, raw.place_of(KEY), repr(model["init_from"]))]
    found = _keys(stated)
    problems = []
    for key, value in found.items():
        if model.get(key) is None:
            model[key] = value
        elif model[key] != value:
            rule = f"the weights that model.init_from names have {value!r}; remove the key"
            problems.append(Problem(rule, ("model", key), raw.place_of(("model", key)), repr(model[key])))
    return problems


def context_of(path: str) -> int | None:
    """The longest text that the model at `path` reads, in tokens; None where its configuration names none. ConfigError when it
    has none."""
    try:
        value = _keys(_own_configuration(expand_path(path))).get("max_position_embeddings")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return value if isinstance(value, int) else None


def _keys(stated: dict[str, Any]) -> dict[str, Any]:
    """Our keys of a Hugging Face configuration."""
    found: dict[str, Any] = {}
    for key, names in NAMES.items():
        value = next((stated[name] for name in names if isinstance(stated.get(name), int)), None)
        if value is not None:
            found[key] = value
    if found.get("n_kv_head") == found.get("n_head"):
        found.pop("n_kv_head", None)
    kind = FAMILIES_BY_KIND.get(str(stated.get("model_type")))
    heads, width = found.get("n_head"), stated.get("head_dim")
    if kind is None or (heads and width and width * heads != found.get("hidden_size")):
        kind = "hf"
        found["architecture"] = str((stated.get("architectures") or ["none"])[0])
    tied = stated.get("tie_word_embeddings", kind == "GPT2")
    return {"type": kind, **found, **({"tie_word_embeddings": True} if tied else {})}


def _own_configuration(path: str) -> dict[str, Any]:
    """The config.json of the model at `path`. OSError or ValueError that says what is wrong."""
    folder = Path(path)
    if folder.exists():
        for place in (folder, folder / "final"):
            if (place / "config.json").is_file():
                return read_object(place / "config.json")
        raise ValueError("holds no model: there is neither config.json nor final/config.json in it")
    if path.startswith((".", "/")) or path.count("/") != 1:
        raise ValueError("is not there; name a run, a model folder, a checkpoint or a Hub name (owner/name)")
    from huggingface_hub import hf_hub_download

    try:
        return read_object(hf_hub_download(path, "config.json"))
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"is neither a folder here nor a model that the Hub gives ({reason}); is it spelled right?"
        ) from error
