"""A model folder as one GGUF file, which llama.cpp and what is built on it read; written, read back, compared.

The layout is llama.cpp's (docs/gguf.md of ggml, convert_hf_to_gguf.py of llama.cpp): tensor names by architecture, matrices as
[out, in], and for Llama the rows of query and key reordered, because llama.cpp's rotary embedding of that architecture turns
neighbouring dimensions where Hugging Face turns the two halves of a head.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama.artifacts import atomic_file, read_object
from babyllama.errors import CheckpointError, ConfigError, RunError
from babyllama.publishing.gguf_tokenizer import GgufTokenizer
from babyllama.runs.locate import ModelPlace
from babyllama.text import listed

if TYPE_CHECKING:
    import numpy as np

TYPES = ("f32", "f16", "bf16", "q8_0")
"""Number formats of the matrices; vectors and position embeddings stay in fp32."""
ARCHITECTURES = {"llama": "llama", "qwen3": "qwen3", "gpt2": "gpt2"}
"""`model_type` of Hugging Face -> architecture of llama.cpp."""
_FIXED: dict[str, dict[str, Any]] = {
    "llama": {"hidden_act": "silu"},
    "qwen3": {"hidden_act": "silu", "use_sliding_window": False},
    "gpt2": {"activation_function": "gelu_new", "scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False},
}
"""What llama.cpp computes whatever the file says."""


def export_gguf(place: ModelPlace, target: Path, *, kind: str = "f32", licence: str | None = None) -> Path:
    """Write the model at `place` to `target`, its matrices in the format `kind` (one of TYPES), and compare what was written.

    CheckpointError or TokenizerError for a model or tokenizer that llama.cpp would read otherwise than it was trained;
    ConfigError when the package gguf is not installed.
    """
    if not has_gguf():
        raise ConfigError("--gguf: the package gguf is not installed; pip install gguf.")
    folder = Path(place.source)
    if not place.is_local:
        raise CheckpointError(f"{place.source} is a name on the Hub; download it first, and name the folder.")
    config = read_object(folder / "config.json")
    architecture = _architecture(folder, config)
    tokenizer = GgufTokenizer.read(folder, _rows(config))
    tensors = dict(_tensors(folder, config, architecture))
    _write(target, place.name, config, architecture, tokenizer, tensors, kind, licence)
    problem = _difference(target, tensors, tokenizer, kind)
    if problem:
        target.unlink()
        raise RunError(f"{target} was not what had been written ({problem}); it is removed. Run the command again.")
    return target


def has_gguf() -> bool:
    """Is the package gguf installed?"""
    import importlib.util

    return importlib.util.find_spec("gguf") is not None


def _architecture(folder: Path, config: Mapping[str, Any]) -> str:
    """llama.cpp's name of the architecture; CheckpointError for one that it, or this export, computes otherwise."""
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        raise CheckpointError(f"{folder} is a {kind} model; GGUF is written for {', '.join(ARCHITECTURES)}.")
    odd = [f"{key}: {config[key]}" for key, value in _FIXED[kind].items() if config.get(key, value) != value]
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    scaling = rope.get("rope_type", rope.get("type", "default"))
    if scaling != "default":
        odd.append(f"rope type {scaling}")
    if odd:
        raise CheckpointError(
            f"{folder}: llama.cpp's {kind} has no {', '.join(odd)}, so the file would be another model."
        )
    return ARCHITECTURES[kind]


def _rows(config: Mapping[str, Any]) -> int:
    return int(config["vocab_size"])


# ---------------------------------------------------------------------------------------------------------------------
# Tensors


def _tensors(folder: Path, config: Mapping[str, Any], architecture: str) -> Iterator[tuple[str, np.ndarray]]:
    """(llama.cpp's name, fp32 values) of every weight in `folder`."""
    import gguf

    by_value = {name: number for number, name in gguf.MODEL_ARCH_NAMES.items()}
    layers = int(config.get("num_hidden_layers") or config["n_layer"])
    names = gguf.get_tensor_name_map(by_value[architecture], layers)
    tied = bool(config.get("tie_word_embeddings", architecture == "gpt2"))
    unknown = []
    for name, values in _stored(folder):
        if architecture == "gpt2" and name.endswith((".attn.bias", ".attn.masked_bias")):
            continue  # the causal mask, which old versions of transformers saved
        if tied and name == "lm_head.weight":
            continue
        new = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if new is None:
            unknown.append(name)
            continue
        yield new, _as_llama_cpp(name, values, config, architecture)
    if unknown:
        raise CheckpointError(f"{folder}: llama.cpp's {architecture} has no place for {listed(unknown)}.")


def _stored(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Every tensor in the safetensors files of `folder`, in fp32."""
    from safetensors import SafetensorError, safe_open

    files = sorted(folder.glob("model*.safetensors"))
    if not files:
        raise CheckpointError(f"{folder} has no model.safetensors; only such weights are read.")
    for file in files:
        try:
            with safe_open(file, framework="pt") as tensors:
                for name in sorted(tensors.keys()):
                    yield name, tensors.get_tensor(name).float().contiguous().numpy()
        except SafetensorError as error:
            raise CheckpointError(f"{file} is damaged: {error}. Put it back from a copy.") from error


def _as_llama_cpp(name: str, values: np.ndarray, config: Mapping[str, Any], architecture: str) -> np.ndarray:
    """`values` of the Hugging Face tensor `name` in the order that llama.cpp expects."""
    if architecture == "gpt2" and values.ndim == 2 and name.split(".")[-2] in ("c_attn", "c_proj", "c_fc"):
        return values.T.copy()  # stored as [in, out]
    if architecture == "llama":
        heads = int(config["num_attention_heads"])
        if ".q_proj." in name:
            return interleaved(values, heads)
        if ".k_proj." in name:
            return interleaved(values, int(config.get("num_key_value_heads") or heads))
    return values


def interleaved(rows: np.ndarray, heads: int) -> np.ndarray:
    """Rows [heads x width, ...] with the two halves of each head interleaved: 0, w/2, 1, w/2 + 1, ..."""
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, 2, half, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape).copy()


def _format_of(name: str, values: np.ndarray, kind: str) -> Any:
    """The number format that tensor `name` is kept in: rows that q8_0 cannot cut into blocks of 32 are kept in f16."""
    import gguf

    formats = gguf.GGMLQuantizationType
    if values.ndim < 2 or name.startswith("position_embd"):
        return formats.F32
    if kind == "q8_0" and values.shape[-1] % gguf.GGML_QUANT_SIZES[formats.Q8_0][0]:
        return formats.F16
    return formats[kind.upper()]


# ---------------------------------------------------------------------------------------------------------------------
# The file


def _write(
    target: Path,
    name: str,
    config: Mapping[str, Any],
    architecture: str,
    tokenizer: GgufTokenizer,
    tensors: Mapping[str, np.ndarray],
    kind: str,
    licence: str | None,
) -> None:
    import gguf
    from gguf.gguf_writer import WriterState

    kinds = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "bf16": "MOSTLY_BF16", "q8_0": "MOSTLY_Q8_0"}
    writer = gguf.GGUFWriter(None, architecture)
    writer.add_type("model")
    writer.add_name(name)
    if licence:
        writer.add_license(licence)
    writer.add_file_type(gguf.LlamaFileType[kinds[kind]])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _add_sizes(writer, config, architecture)
    tokenizer.add_to(writer)
    for one, values in tensors.items():
        form = _format_of(one, values, kind)
        writer.add_tensor(one, gguf.quantize(values, form), raw_dtype=form)
    with atomic_file(target, "wb") as handle:
        # Given the open file instead of a name, so that what a kill leaves is the old file or the new one.
        writer.fout, writer.state = [handle], WriterState.EMPTY
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        try:
            writer.write_tensors_to_file()
        except OSError as error:
            # numpy's tofile counts what it could not write, and does not say why; a short write is a full disk.
            if error.errno is None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
            raise


def _add_sizes(writer: Any, config: Mapping[str, Any], architecture: str) -> None:
    """What llama.cpp builds the network from."""
    writer.add_vocab_size(_rows(config))
    if architecture == "gpt2":
        width = int(config["n_embd"])
        writer.add_context_length(int(config["n_positions"]))
        writer.add_embedding_length(width)
        writer.add_feed_forward_length(int(config.get("n_inner") or 4 * width))
        writer.add_block_count(int(config["n_layer"]))
        writer.add_head_count(int(config["n_head"]))
        writer.add_layer_norm_eps(float(config["layer_norm_epsilon"]))
        return
    heads, width = int(config["num_attention_heads"]), int(config["hidden_size"])
    head = int(config.get("head_dim") or width // heads)
    rope = config.get("rope_parameters") or {}
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_head_count(heads)
    writer.add_head_count_kv(int(config.get("num_key_value_heads") or heads))
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(float(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0))
    writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))


def _difference(target: Path, tensors: Mapping[str, np.ndarray], tokenizer: GgufTokenizer, kind: str) -> str | None:
    """What in the file is not what was meant, in words; None when everything is there."""
    import gguf
    import numpy as np

    reader = gguf.GGUFReader(target)
    found = {one.name: one for one in reader.tensors}
    if set(found) != set(tensors):
        return f"tensors {listed(sorted(set(found) ^ set(tensors)))}"
    for name, values in tensors.items():
        form = _format_of(name, values, kind)
        meant = gguf.dequantize(gguf.quantize(values, form), form).reshape(values.shape)
        there = gguf.dequantize(found[name].data, found[name].tensor_type).reshape(values.shape)
        if not np.array_equal(there, meant, equal_nan=True):
            return f"the values of {name}"
    return None if GgufTokenizer.of_file(reader) == tokenizer else "the tokenizer"
