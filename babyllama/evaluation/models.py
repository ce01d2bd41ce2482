"""Loading what is evaluated: a run folder, a final folder, a checkpoint or a Hub name -> model and
tokenizer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from babyllama.artifacts import MANIFEST_NAME, Manifest, fingerprint_file, fingerprint_value
from babyllama.device import choose_device, has_fast_bf16
from babyllama.errors import CheckpointError, ConfigError
from babyllama.evaluation.model_tokenizer import check_vocabulary, load_model_tokenizer
from babyllama.runs import RunPaths
from babyllama.runs.locate import ModelPlace, locate_model

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Dtype = Literal["auto", "fp32", "bf16"]
DTYPES: tuple[Dtype, ...] = ("auto", "fp32", "bf16")

_SAFE_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_PICKLED_WEIGHTS = ("pytorch_model.bin", "pytorch_model.bin.index.json")


@dataclass
class LoadedModel:
    """A model ready to be scored: in evaluation mode, weights in fp32 or bf16, on one device."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    place: ModelPlace
    """Where it was loaded from."""
    device: torch.device
    masked: bool = False
    """A masked language model (scored by pseudo-log-likelihood) instead of a causal one."""
    dtype: str = "fp32"
    """Number format the weights are held and multiplied in."""
    notes: list[str] = field(default_factory=list)
    """What a reader of the results must know about how the model was loaded."""

    @property
    def name(self) -> str:
        """What tables call it: the run's name, `run/checkpoint`, or the Hub name."""
        return self.place.name

    @property
    def run(self) -> RunPaths | None:
        """The run folder the model belongs to, if any."""
        return self.place.run

    @property
    def context_length(self) -> int | None:
        """Most tokens one forward pass may hold; None when the architecture sets no limit."""
        config = self.model.config.get_text_config()
        for key in ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length"):
            value = getattr(config, key, None)
            if isinstance(value, int) and value > 0:
                # RoBERTa-like models number positions from the padding id onwards.
                offset = (config.pad_token_id or 0) + 1 if config.model_type in _PADDED_POSITIONS else 0
                return value - offset
        return None

    @property
    def rotary(self) -> bool:
        """Are positions angles that are computed for any length, so that a text longer than the context can be read?"""
        return bool(getattr(self.model.config.get_text_config(), "rope_parameters", None))

    @property
    def parameters(self) -> int:
        """Number of weights, tied ones counted once."""
        return sum(parameter.numel() for parameter in self.model.parameters())


_PADDED_POSITIONS = ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "ibert", "data2vec-text")


def load_model(
    path_or_name: str | Path,
    device: str = "auto",
    dtype: Dtype = "fp32",
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
) -> LoadedModel:
    """Load a model and its tokenizer for evaluation.

    `path_or_name` is a run folder, a `final` folder, a checkpoint or a Hub name. `dtype` "auto" holds the
    weights in fp32 (scorers that can use bf16 make their own copy). Pickled weights can run code when they
    are read and are refused unless `allow_pickle`. Raises CheckpointError or TokenizerError.
    """
    if dtype not in DTYPES:
        raise ConfigError(f"--dtype {dtype!r} is not one of {', '.join(DTYPES)}.")
    place = locate_model(path_or_name)
    source = place.source
    if not place.is_local:
        check_hub(source)
    import torch

    target = choose_device(device)
    if place.is_local:
        check_whole(place)
        _check_weights(Path(source), allow_pickle)
    model, masked = _load_weights(source, dtype, allow_pickle, trust_remote_code)
    tokenizer = load_model_tokenizer(place, trust_remote_code)
    check_vocabulary(model, tokenizer, source)
    model.to(target).eval()
    model.requires_grad_(False)
    notes = []
    if dtype == "bf16" and not has_fast_bf16(target):
        notes.append(f"bf16 is emulated on this {target.type.upper()} and far slower than fp32")
    return LoadedModel(
        model=model,
        tokenizer=tokenizer,
        place=place,
        device=target,
        masked=masked,
        dtype="bf16" if model.dtype == torch.bfloat16 else "fp32",
        notes=notes,
    )


def check_hub(name: str) -> None:
    """CheckpointError at once when the Hub has no model `name` or cannot be reached, and none was fetched before.

    transformers would try again for half a minute before it said so.
    """
    from huggingface_hub import model_info, try_to_load_from_cache

    if isinstance(try_to_load_from_cache(name, "config.json"), str):
        return
    try:
        model_info(name, timeout=10)
    except Exception as error:
        raise _not_on_hub(name, error) from error


def _not_on_hub(name: str, error: Exception) -> CheckpointError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return CheckpointError(
        f"no model at {name}: no such folder is here, and the Hub gives none by that name ({reason}). Is it spelled right, "
        "and the Hub reachable?"
    )


def hub_commit(name: str) -> str:
    """The commit of the Hub's model `name` that is loaded now: its newest, or where the Hub is not reached the one that was fetched.

    CheckpointError where there is neither.
    """
    from huggingface_hub import hf_hub_download

    try:
        # A file's place in the cache is .../snapshots/COMMIT/FILE.
        return Path(hf_hub_download(name, "config.json")).parent.name
    except Exception as error:
        raise _not_on_hub(name, error) from error


def check_whole(place: ModelPlace) -> None:
    """CheckpointError when the model's folder has a manifest of ours and a file is not what it was when it was written."""
    folder = Path(place.source)
    manifest = Manifest.read(folder)
    problem = manifest.damage(folder) if manifest is not None else None
    if problem is None and place.run is not None and place.checkpoint is None and manifest is None:
        problem = f"it has no readable {MANIFEST_NAME}"
    if problem:
        again = "Train the run again: it is made anew from the newest checkpoint." if place.run is not None else ""
        raise CheckpointError(f"the model in {folder} is damaged: {problem}. {again}".rstrip())


def _check_weights(folder: Path, allow_pickle: bool) -> None:
    if any((folder / name).is_file() for name in _SAFE_WEIGHTS) or list(folder.glob("*.safetensors")):
        return
    pickled = next((folder / name for name in _PICKLED_WEIGHTS if (folder / name).is_file()), None)
    if pickled is None:
        raise CheckpointError(f"{folder} has a config.json but no weights (model.safetensors): not a complete model.")
    if not allow_pickle:
        raise CheckpointError(
            f"{pickled} holds its weights as a pickle, which can run code when it is read. If you trust "
            "where it comes "
            "from, repeat with --allow-pickle; better, save it once as safetensors."
        )


def _load_weights(source: str, dtype: str, allow_pickle: bool, trust_remote_code: bool) -> tuple[PreTrainedModel, bool]:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

    number_format = torch.bfloat16 if dtype == "bf16" else torch.float32
    options: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    try:
        config = AutoConfig.from_pretrained(source, **options)
        masked = _is_masked(config)
        loader: Any = AutoModelForMaskedLM if masked else AutoModelForCausalLM
        safe = None if allow_pickle else True
        with without_progress_bars():
            model, info = loader.from_pretrained(
                source,
                config=config,
                dtype=number_format,
                use_safetensors=safe,
                output_loading_info=True,
                **options,
            )
    except Exception as error:
        raise CheckpointError(_load_failure(source, error, trust_remote_code)) from error
    missing = sorted(info["missing_keys"])
    if missing:
        shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise CheckpointError(
            f"the weights in {source} lack {shown}: they would be random. Is this a language model with its "
            "output layer?"
        )
    return model, masked


@contextlib.contextmanager
def without_progress_bars() -> Iterator[None]:
    """Reading or writing a local model takes no time worth a bar; transformers' own setting is put back afterwards."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _is_masked(config: Any) -> bool:
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    names = config.architectures or []
    if any("MaskedLM" in name for name in names):
        return True
    if any("CausalLM" in name or "LMHead" in name for name in names):
        return False
    remote = getattr(config, "auto_map", None) or {}
    causal = type(config) in AutoModelForCausalLM._model_mapping or "AutoModelForCausalLM" in remote
    return not causal and (type(config) in AutoModelForMaskedLM._model_mapping or "AutoModelForMaskedLM" in remote)


def _load_failure(source: str, error: Exception, trust_remote_code: bool) -> str:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    hint = ""
    if "trust_remote_code" in str(error) and not trust_remote_code:
        hint = " The model brings its own code: repeat with --trust-remote-code if you trust where it comes from."
    elif "safetensors" in str(error) and "pytorch_model.bin" in str(error):
        hint = " Only pickled weights are there, which can run code when read: --allow-pickle reads them nevertheless."
    return f"cannot load a language model from {source}: {reason}{hint}"


def model_content(place: ModelPlace) -> str:
    """Fingerprint of what decides a model's scores: weights, configuration, tokenizer."""
    folder = Path(place.source)
    manifest = Manifest.read(folder)
    if manifest is not None and manifest.files:
        return fingerprint_value({name: facts["fingerprint"] for name, facts in manifest.files.items()})
    names = ("config.json", "*.safetensors", "*.bin", "tokenizer.json", "tokenizer_config.json")
    files = sorted(file for name in names for file in folder.glob(name) if file.is_file())
    return fingerprint_value({file.name: fingerprint_file(file) for file in files})


def model_facts(loaded: LoadedModel) -> dict[str, Any]:
    """Facts for readers about the model that a result belongs to."""
    config = loaded.model.config
    return {
        "model": loaded.name,
        "type": config.model_type,
        "parameters": loaded.parameters,
        "vocab_size": int(loaded.model.get_input_embeddings().weight.shape[0]),
        "context_length": loaded.context_length,
        "dtype": loaded.dtype,
        "device": str(loaded.device),
        "words_seen": loaded.place.words_seen,
    }
