"""The tokenizer that belongs to a model, and what is refused as another one's or as damaged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from babyllama.artifacts import read_object
from babyllama.errors import DamagedFileError, TokenizerError
from babyllama.runs import ModelPlace, RunPaths, RunRecord

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load_model_tokenizer(place: ModelPlace, trust_remote_code: bool) -> PreTrainedTokenizerBase:
    """The model's own tokenizer; a Trainer checkpoint of a run has none beside it and takes the run's."""
    from transformers import AutoTokenizer

    source = place.source
    folder = Path(source)
    if place.is_local and not _has_tokenizer(folder) and place.run is not None and place.checkpoint is not None:
        folder = place.run.tokenizer
    if place.is_local and not _has_tokenizer(folder):
        raise TokenizerError(
            f"{source} holds no tokenizer (tokenizer.json): a model is evaluated with its own tokenizer."
        )
    if place.run is not None:
        _check_tokenizer_config(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder) if place.is_local else source, trust_remote_code=trust_remote_code
        )
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise TokenizerError(f"cannot load the tokenizer of {source}: {reason}") from error
    if place.run is not None:
        _check_own_tokenizer(place.run, tokenizer, source)
    # A text that speaks of <s> or </s> neither starts nor ends there.
    tokenizer.split_special_tokens = True
    return tokenizer


def _check_tokenizer_config(folder: Path) -> None:
    """TokenizerError unless a run's tokenizer says what it does with a text; without, the model's family would decide that."""
    file = folder / "tokenizer_config.json"
    try:
        problem = None if "tokenizer_class" in read_object(file) else f"{file.name} names no tokenizer_class"
    except FileNotFoundError:
        problem = f"it has no {file.name}"
    except (OSError, DamagedFileError) as error:
        problem = str(error)
    if problem is not None:
        raise TokenizerError(f"{folder} is damaged: {problem}, which says what the tokenizer does with a text.")


def _check_own_tokenizer(run: RunPaths, tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    """TokenizerError naming both fingerprints unless the tokenizer is the one the run was trained with."""
    from babyllama.tokenizer import tokenizer_fingerprint

    if not run.record.is_file() or not tokenizer.is_fast:
        return
    trained = RunRecord.load(run).fingerprints.get("tokenizer")
    found = tokenizer_fingerprint(tokenizer)  # type: ignore[arg-type]
    if trained is not None and trained != found:
        raise TokenizerError(
            f"the tokenizer of {source} ({found[:19]}...) is not the one the run was trained with ({trained[:19]}..., "
            f"kept in {run.tokenizer}): its scores would mean nothing."
        )


def _has_tokenizer(place: Path) -> bool:
    names = (
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.json",
        "vocab.txt",
        "tokenizer.model",
        "spiece.model",
    )
    return place.is_file() or any((place / name).is_file() for name in names)


def check_same_tokenizer(tokenizers: Sequence[tuple[str, PreTrainedTokenizerBase]]) -> None:
    """TokenizerError naming both fingerprints unless all models, told by name, cut a text into the same ids."""
    from babyllama.tokenizer import tokenizer_fingerprint

    prints = [(name, tokenizer_fingerprint(one)) for name, one in tokenizers]  # type: ignore[arg-type]
    first, expected = prints[0]
    for name, found in prints:
        if found != expected:
            raise TokenizerError(
                f"{first} and {name} have different tokenizers ({expected[:19]}... and {found[:19]}...): a token's number "
                "does not mean the same in both."
            )


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    """TokenizerError when the tokenizer has entries that the model has no embedding for."""
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise TokenizerError(
            f"the tokenizer of {source} has {len(tokenizer)} entries and the model's embedding {rows} rows: "
            "they do not "
            "belong together."
        )
