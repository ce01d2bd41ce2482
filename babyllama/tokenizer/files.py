"""Where tokenizers live: save one for every Hugging Face version, find and load one by any of its names."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from babyllama.artifacts import (
    MANIFEST_NAME,
    Manifest,
    damaged_file,
    fingerprint_file,
    fingerprint_value,
    write_json,
    write_text,
)
from babyllama.errors import TokenizerError
from babyllama.runs import RunPaths
from babyllama.tokenizer.special_tokens import BOS, EOS, MASK, PAD, SpecialIds

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TOKENIZER_FILE, CONFIG_FILE = "tokenizer.json", "tokenizer_config.json"
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


STAGE = "tokenizer"
"""What the manifest of a trained tokenizer calls it."""


def save_tokenizer(tokenizer: Tokenizer | PreTrainedTokenizerFast, path: str | os.PathLike[str]) -> Path:
    """Save to `path` and return the folder that `AutoTokenizer.from_pretrained` loads.

    `path` ending in `.json` writes that file and, beside it, a folder of the same stem; any other `path` is the folder
    itself, whose other files (a model's, say) stay. tokenizer_config.json names `PreTrainedTokenizerFast`, which
    transformers 4 and 5 both load. Special-token strings in a text are what their users expect there, special tokens;
    only our own loading makes them ordinary text (`as_raw_text`). Each file is written atomically. The manifest of a tokenizer that lay there before goes: it belongs to that one.
    """
    path = Path(path)
    folder = tokenizer_folder(path)
    before = Manifest.read(folder) if folder.is_dir() else None
    if before is not None and before.stage == STAGE:
        (folder / MANIFEST_NAME).unlink()
    write_json(folder / CONFIG_FILE, _config(tokenizer))
    write_text(folder / TOKENIZER_FILE, _backend(tokenizer).to_str(pretty=True))
    write_copy(path, folder)
    return folder


def tokenizer_folder(path: str | Path) -> Path:
    """The folder of the tokenizer saved at `path`: that of the same stem for a `.json` file, else `path` itself.

    Raises TokenizerError when something of another kind has one of the two names.
    """
    path = Path(path)
    folder = path.with_suffix("") if path.suffix == ".json" else path
    if folder.exists() and not folder.is_dir():
        raise TokenizerError(f"cannot save a tokenizer folder at {folder}: a file of that name is in the way.")
    if path.suffix == ".json" and path.is_dir():
        raise TokenizerError(f"cannot save a tokenizer at {path}: a folder of that name is in the way.")
    return folder


def write_copy(path: Path, folder: Path) -> None:
    """Where a tokenizer is named by a `.json` file: write that file, the same as the one in `folder`."""
    if path.suffix == ".json":
        write_text(path, (folder / TOKENIZER_FILE).read_text(encoding="utf-8"))


def copy_damage(path: Path, manifest: Manifest) -> str | None:
    """What is wrong with the `.json` file that names the tokenizer of `manifest`, in words; None when it is whole."""
    if path.suffix != ".json":
        return None
    if not path.is_file():
        return f"{path.name} is missing"
    whole = fingerprint_file(path) == manifest.files.get(TOKENIZER_FILE, {}).get("fingerprint")
    return None if whole else f"the content of {path.name} has changed since it was written"


def _refuse_damaged(file: Path) -> None:
    """Raise TokenizerError when the manifest beside the tokenizer `file` says that it held something else."""
    named = file.suffix == ".json" and file.name != TOKENIZER_FILE
    folder = file.with_suffix("") if named else file.parent
    manifest = Manifest.read(folder) if folder.is_dir() else None
    facts = (
        {name: manifest.files[name] for name in (TOKENIZER_FILE, CONFIG_FILE) if name in manifest.files}
        if manifest
        else {}
    )
    if not facts or manifest is None:
        return
    problem = copy_damage(file, manifest) if named and TOKENIZER_FILE in facts else damaged_file(folder, facts)
    if problem:
        raise TokenizerError(
            f"the tokenizer {file} is damaged: {problem}. Put it back from a copy, or train it again with "
            "`babyllama tokenizer --overwrite`."
        )


def _config(tokenizer: Tokenizer | PreTrainedTokenizerFast) -> dict[str, Any]:
    """What tokenizer_config.json says."""
    if isinstance(tokenizer, Tokenizer):
        special = {"bos_token": BOS, "eos_token": EOS, "pad_token": PAD, "unk_token": None}
        special["mask_token"] = None if tokenizer.token_to_id(MASK) is None else MASK
    else:
        names = ("bos_token", "eos_token", "pad_token", "unk_token", "mask_token")
        special = {name: getattr(tokenizer, name, None) for name in names}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **{name: str(token) for name, token in special.items() if token is not None},
        # transformers 4 takes the prefix space of a byte-level tokenizer from here, whatever tokenizer.json says.
        "add_prefix_space": _pre_tokenizer_state(_backend(tokenizer)).get("add_prefix_space", False),
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        **({"chat_template": template} if (template := getattr(tokenizer, "chat_template", None)) else {}),
    }


def _pre_tokenizer_state(backend: Tokenizer) -> dict[str, Any]:
    return json.loads(backend.pre_tokenizer.__getstate__()) if backend.pre_tokenizer is not None else {}


def _backend(tokenizer: Tokenizer | PreTrainedTokenizerFast) -> Tokenizer:
    return tokenizer if isinstance(tokenizer, Tokenizer) else tokenizer.backend_tokenizer


def find_tokenizer(path: str | Path) -> Path | None:
    """The tokenizer.json meant by `path`: that file, or the one in a folder, a run folder, or the run of a checkpoint.

    Of `x.json` and the folder `x/` beside it, either is found by the other's name. None when nothing is there (it may be a Hub name).
    """
    path = Path(path)
    if path.is_file():
        return path
    folders = [path, RunPaths(path).final]
    if path.suffix == ".json":
        folders = [path.with_suffix("")]
    elif path.parent.name == "checkpoints":
        folders.append(RunPaths(path.parent.parent).final)
    files = [*(folder / TOKENIZER_FILE for folder in folders), path.with_name(path.name + ".json")]
    return next((file for file in files if file.is_file()), None)


def load_fast(path: str | Path) -> Tokenizer:
    """The `tokenizers.Tokenizer` at `path` (see `load_tokenizer`), without importing transformers for local files.

    Special-token strings in text are ordinary text to it. Raises TokenizerError.
    """
    file = find_tokenizer(path)
    if file is None:
        return load_tokenizer(path).backend_tokenizer
    _refuse_damaged(file)
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:
        raise TokenizerError(
            f"{file} is not a tokenizer that can be read: {error}. Train it again with `babyllama tokenizer`."
        ) from error
    tokenizer.encode_special_tokens = True
    # A file from elsewhere may ask for both; they would cut documents short.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def load_tokenizer(path: str | Path) -> PreTrainedTokenizerFast:
    """The Hugging Face tokenizer at `path`: a tokenizer.json, a folder with one, a run folder or a Hub name.

    Special-token strings in text are ordinary text to it, and it has a padding token. Raises TokenizerError.
    """
    from transformers import AutoTokenizer

    file = find_tokenizer(path)
    if file is None:
        tokenizer = _load_from_hub(str(path), AutoTokenizer)
    elif (file.parent / CONFIG_FILE).is_file() and file.name == TOKENIZER_FILE:
        _refuse_damaged(file)
        try:
            tokenizer = AutoTokenizer.from_pretrained(str(file.parent), local_files_only=True, trust_remote_code=False)
        except Exception as error:
            raise TokenizerError(f"{file.parent} is not a tokenizer that can be loaded: {error}") from error
    else:
        return wrap_tokenizer(load_fast(file))
    if not getattr(tokenizer, "is_fast", False):
        raise TokenizerError(
            f"the tokenizer at {path} has no tokenizer.json (it is a slow one). Choose one that has a fast version."
        )
    return as_raw_text(tokenizer)


def wrap_tokenizer(backend: Tokenizer) -> PreTrainedTokenizerFast:
    """`backend` as `load_tokenizer` would give it if it were loaded from its file."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **_guessed_special_tokens(backend))
    tokenizer.clean_up_tokenization_spaces = False
    return as_raw_text(tokenizer)


def as_raw_text(tokenizer: Any) -> Any:
    """The Hugging Face `tokenizer`, set to read every text as raw text, in which `<s>` is three characters.

    Where it has no padding token, the one that ends a document serves.
    """
    tokenizer.split_special_tokens = True
    tokenizer.backend_tokenizer.encode_special_tokens = True
    if tokenizer.pad_token_id is None and tokenizer.eos_token_id is not None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _load_from_hub(name: str, auto_tokenizer: Any) -> Any:
    if not _HUB_NAME.fullmatch(name) or name.endswith(".json"):
        raise TokenizerError(
            f"no tokenizer at {name}. Train one with `babyllama tokenizer --output {name}`, or point data.tokenizer_path "
            "to a tokenizer.json, a folder that holds one, or a Hub name."
        )
    try:
        return auto_tokenizer.from_pretrained(name, trust_remote_code=False)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise TokenizerError(
            f"no tokenizer at {name}: there is no such file or folder, and the Hub gives none by that name ({reason}). "
            f"Train one with `babyllama tokenizer --output {name}.json`."
        ) from error


def _guessed_special_tokens(tokenizer: Tokenizer) -> dict[str, str]:
    """Names of the special tokens of a bare tokenizer.json: ours, else the customary ones that it has."""
    candidates = {
        "bos_token": (BOS, "<|begin_of_text|>", "<|endoftext|>", "[CLS]", "<bos>"),
        "eos_token": (EOS, "<|end_of_text|>", "<|endoftext|>", "[SEP]", "<eos>"),
        "pad_token": (PAD, "[PAD]", "<|endoftext|>"),
        "mask_token": (MASK, "[MASK]"),
    }
    found = {}
    for name, options in candidates.items():
        token = next((option for option in options if tokenizer.token_to_id(option) is not None), None)
        if token is not None:
            found[name] = token
    return found


def boundary_ids(path: str | Path, tokenizer: Tokenizer) -> SpecialIds:
    """The ids of the special tokens of the tokenizer loaded from `path`; one token serves as both where it has only one.

    Raises TokenizerError when it has no token for the start or end of a document.
    """
    bos, eos, pad = (tokenizer.token_to_id(token) for token in (BOS, EOS, PAD))
    if bos is None or eos is None:
        loaded = load_tokenizer(path)
        bos, eos, pad = loaded.bos_token_id, loaded.eos_token_id, loaded.pad_token_id
        bos, eos = (eos if bos is None else bos), (bos if eos is None else eos)
    if bos is None or eos is None:
        raise TokenizerError(
            f"the tokenizer at {path} has no token for the start or end of a document ({BOS}, {EOS}). Add them to it, or "
            "train one with `babyllama tokenizer`."
        )
    return SpecialIds(bos, eos, eos if pad is None else pad)


def special_ids(tokenizer: PreTrainedTokenizerFast) -> dict[str, int | None]:
    """pad_token_id, bos_token_id and eos_token_id as a model configuration wants them; None where there is no such token.

    One token serves as start and end where the tokenizer has only one, as in `boundary_ids`. A token that also stands in for
    padding is no padding to the model, which would keep the embedding of such a token at zero and never train it.
    """
    bos, eos, pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    bos, eos = (eos if bos is None else bos), (bos if eos is None else eos)
    return {"pad_token_id": None if pad in (bos, eos) else pad, "bos_token_id": bos, "eos_token_id": eos}


def tokenizer_fingerprint(tokenizer: str | Path | Tokenizer | PreTrainedTokenizerFast) -> str:
    """Fingerprint of everything that decides which ids a text gets, as `sha256:<hex>`.

    Layout of the file, decoder, post-processor, padding and truncation do not count, so the tokenizer inside a run has
    the fingerprint of the one it was made from.
    """
    backend = load_fast(tokenizer) if isinstance(tokenizer, str | Path) else _backend(tokenizer)
    description = json.loads(backend.to_str())
    model = dict(description["model"])
    # Merges were written as "a b" before tokenizers 0.20 and as ["a", "b"] since.
    if "merges" in model:
        model["merges"] = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    return fingerprint_value(
        {
            "model": model,
            "normalizer": description["normalizer"],
            "pre_tokenizer": description["pre_tokenizer"],
            "added_tokens": [[token["id"], token["content"]] for token in description["added_tokens"]],
        }
    )
