"""The dataset stage: pack documents into blocks on disk, or reuse the folder that already holds them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from babyllama.artifacts import (
    MANIFEST_NAME,
    Manifest,
    atomic_folder,
    fingerprint_files,
    fingerprint_value,
    recover_folder,
    sole_builder,
)
from babyllama.config.sections import DataSection
from babyllama.dataset.encoding import encode_documents
from babyllama.dataset.packed import PackedDataset
from babyllama.dataset.writing import BestFitWriter, TokenWriter
from babyllama.errors import DataError
from babyllama.tokenizer import load_fast, mark_ids, tokenizer_fingerprint

Split = Literal["train", "eval"]
FORMAT = 1
"""Raised when the files of a packed dataset change their meaning, so that old ones are built again."""


def packed_folder(data: DataSection, split: Split) -> Path:
    """Where the packed text of `split` lies: one folder for each combination of text, tokenizer and block settings."""
    source = str(data.train_path if split == "train" else data.eval_path)
    stem = re.sub(r"[^\w-]+", "-", Path(source).stem).strip("-") or "text"
    shaped_by = [source, data.tokenizer_path, *map(str, _settings(data).values())]
    name = f"{stem}-{split}-{data.seq_length}-{data.packing}-{fingerprint_value(shaped_by)[7:15]}"
    return Path(data.packed_dir) / name


def _settings(data: DataSection) -> dict[str, str | int]:
    return {"seq_length": data.seq_length, "packing": data.packing, "errors": data.errors, "format": FORMAT}


def prepare_dataset(
    documents: Callable[[], Iterator[str]],
    files: Sequence[Path],
    tokenizer_path: str,
    data: DataSection,
    *,
    split: Split,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Pack `documents()`, the text of `files`, into the folder `packed_folder(data, split)` and return that folder.

    A folder made from the same text, tokenizer and settings is reused, any other is built again; `say` is told which, and
    why. Memory does not grow with the text. Raises DataError (no text, text shorter than a block) and TokenizerError.
    """
    say = say or (lambda message: None)
    folder = packed_folder(data, split)
    tokenizer = load_fast(tokenizer_path)
    inputs = {"text": fingerprint_files(files), "tokenizer": tokenizer_fingerprint(tokenizer)}
    settings = _settings(data)
    with sole_builder(folder):
        recover_folder(folder)
        manifest = Manifest.read(folder)
        if manifest is not None:
            reason = manifest.stale_reason(inputs, settings) or _damage(folder, manifest)
            if reason is None:
                say(f"packed {split} text {folder}: up to date, reused")
                return folder
            say(f"packed {split} text {folder}: built again ({reason})")
        marks = mark_ids(tokenizer_path, tokenizer)
        vocab_size = tokenizer.get_vocab_size()
        with atomic_folder(folder) as temporary:
            writer = (
                TokenWriter(temporary, vocab_size)
                if data.packing == "concat"
                else BestFitWriter(temporary, vocab_size, data.seq_length)
            )
            with writer:
                for batch in encode_documents(documents(), tokenizer, marks):
                    writer.add(batch)
                writer.close()
            source = str(data.train_path if split == "train" else data.eval_path)
            _check_size(writer.tokens, writer.words, data.seq_length, split, source)
            blocks = writer.blocks if isinstance(writer, BestFitWriter) else -(-writer.tokens // data.seq_length)
            outputs = {
                "tokens": writer.tokens,
                "words": writer.words,
                "documents": writer.documents,
                "blocks": blocks,
                "padding": blocks * data.seq_length - writer.tokens,
                "vocab_size": vocab_size,
                "pad": marks.pad,
                "source": source,
                "sizes": {file.name: file.stat().st_size for file in temporary.iterdir()},
            }
            Manifest("dataset", inputs=inputs, settings=settings, outputs=outputs).write(temporary)
    packed = PackedDataset(folder)
    say(
        f"packed {split} text {folder}: {len(packed):,} blocks of {data.seq_length}, {packed.num_tokens:,} tokens, "
        f"{packed.num_words:,} words, {packed.num_documents:,} documents"
    )
    return folder


def open_dataset(folder: Path, data: DataSection) -> PackedDataset:
    """The packed dataset in `folder`, read as `data` says."""
    return PackedDataset(folder, random_offset=data.random_offset)


def sample_blocks(dataset: PackedDataset, number: int | None, seed: int) -> np.ndarray:
    """Sorted int64 indices of `number` different blocks drawn with `seed`; all blocks for None or too large a number."""
    if number is None or number >= len(dataset):
        return np.arange(len(dataset))
    return np.sort(dataset.epoch_order(0, seed)[:number])


def _check_size(tokens: int, words: int, seq_length: int, split: Split, source: str) -> None:
    key = "data.train_path" if split == "train" else "data.eval_path"
    if tokens == 0:
        raise DataError(f"{key}: {source} holds no text: all its documents are empty.")
    if split == "train" and tokens < seq_length:
        raise DataError(
            f"data.seq_length = {seq_length:,} is larger than the corpus: {source} ({key}) holds {words:,} words, which are "
            f"{tokens:,} tokens with their marks. Use more text or a seq_length of at most {tokens}."
        )


def _damage(folder: Path, manifest: Manifest) -> str | None:
    """Which file is not as long as it was written; None when all are."""
    for name, size in manifest.outputs.get("sizes", {}).items():
        file = folder / name
        if name != MANIFEST_NAME and (not file.is_file() or file.stat().st_size != size):
            return f"{name} is missing or damaged"
    return None
