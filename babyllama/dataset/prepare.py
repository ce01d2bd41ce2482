"""The dataset stage: pack documents into blocks on disk, or reuse the folder that already holds them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from babyllama import console
from babyllama.artifacts import build_or_reuse, fingerprint_value
from babyllama.config.sections import DataSection
from babyllama.corpus.reading import fingerprint_text, refuse_changed
from babyllama.corpus.reading.documents import OtherSpellings
from babyllama.dataset.encoding import encode_documents
from babyllama.dataset.examples import encode_examples
from babyllama.dataset.packed import STAGE, PackedDataset
from babyllama.dataset.writing import BestFitWriter, TokenWriter
from babyllama.errors import DataError
from babyllama.tokenizer import boundary_ids, load_fast, tokenizer_fingerprint

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
    shaped: dict[str, str | int] = {"seq_length": data.seq_length, "packing": data.packing, "errors": data.errors}
    shaped |= {"format": FORMAT} | ({} if data.column == "text" else {"column": data.column})
    return shaped | ({"template": data.template} if data.format == "instructions" else {})


def prepare_dataset(
    documents: Callable[[], Iterator[Any]],
    files: Sequence[Path],
    tokenizer_path: str,
    data: DataSection,
    *,
    split: Split,
) -> PackedDataset:
    """Pack `documents()`, the text of `files`, into the folder `packed_folder(data, split)` and open it. Under
    `data.format: instructions` they are examples (`babyllama.corpus.reading.instructions`), and prompts are no targets.

    A folder made from the same text, tokenizer and settings is reused when its files are what they were, any other is built
    again; the console is told which, and why. Memory does not grow with the text. Raises DataError (no text, text shorter
    than a block, text that changes meanwhile) and TokenizerError.
    """
    tokenizer = load_fast(tokenizer_path)
    inputs = {"text": fingerprint_text(files), "tokenizer": tokenizer_fingerprint(tokenizer)}
    source = str(data.train_path if split == "train" else data.eval_path)

    def write(folder: Path) -> dict[str, Any]:
        special = boundary_ids(tokenizer_path, tokenizer)
        vocab_size = tokenizer.get_vocab_size()
        marked = data.format == "instructions"
        writer = (
            TokenWriter(folder, vocab_size, marked=marked)
            if data.packing == "concat"
            else BestFitWriter(folder, vocab_size, data.seq_length, alone=data.packing == "separate", marked=marked)
        )
        spellings = OtherSpellings()
        batches = (
            encode_examples(documents(), tokenizer, special)
            if marked
            else encode_documents(map(spellings.look, documents()), tokenizer, special)
        )
        with writer:
            for batch in batches:
                writer.add(batch)
            writer.close()
        spellings.warn(source)
        refuse_changed(files, inputs["text"])
        _check_size(writer.tokens, writer.words, data.seq_length, split, source)
        blocks = writer.blocks if isinstance(writer, BestFitWriter) else -(-writer.tokens // data.seq_length)
        return {
            "tokens": writer.tokens,
            "words": writer.words,
            "documents": writer.documents,
            "blocks": blocks,
            "padding": blocks * data.seq_length - writer.tokens,
            "vocab_size": vocab_size,
            "pad": special.pad,
            "source": source,
        } | ({"targets": writer.targets} if marked else {})

    built = build_or_reuse(
        packed_folder(data, split),
        STAGE,
        inputs=inputs,
        settings=_settings(data),
        write=write,
        title=f"packed {split} text {packed_folder(data, split)}",
    )
    packed = PackedDataset(
        built.path,
        random_offset=data.random_offset,
        shuffle_documents=data.shuffle == "documents",
        verified=built.manifest,
    )
    if not built.reused:
        learned = f" ({built.manifest.outputs['targets']:,} of them learned)" if packed.marked else ""
        console.say(
            f"packed {split} text {packed.path}: {len(packed):,} blocks of {data.seq_length}, {packed.num_tokens:,} tokens"
            f"{learned}, {packed.num_words:,} words, {packed.num_documents:,} documents"
        )
    return packed


def sample_blocks(dataset: PackedDataset, number: int | None, seed: int = 42) -> np.ndarray:
    """Sorted int64 indices of `number` different blocks drawn with `seed`; all blocks for None or too large a number.

    The held-out sample is not drawn with `training.seed`: the spread between seeds would be that of the text they are measured on.
    """
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
            f"{tokens:,} tokens with their special tokens. Use more text or a seq_length of at most {tokens}."
        )
