"""A packed dataset, read through memory maps: what training and evaluation take their blocks from."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from babyllama.artifacts import MANIFEST_NAME, Manifest, fingerprint_value
from babyllama.dataset import layout
from babyllama.dataset.document_order import DocumentOrder
from babyllama.dataset.layout import POSITION
from babyllama.errors import DataError, TokenizerError

STAGE = "dataset"
"""What the manifest of a packed dataset calls it."""
IGNORED = -100
"""Label of a token that is no target."""


class PackedDataset:
    """Blocks of T = `seq_length` tokens in the folder that `prepare_dataset` made.

    Every token of the text is in exactly one block; the last
    block of `concat`, and blocks that `best_fit` could not fill, are padded, and padding is no target. A word counts in the
    block that holds the token in which it starts, so the words of an epoch sum to `num_words`.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        random_offset: bool = False,
        shuffle_documents: bool = False,
        verified: Manifest | None = None,
    ) -> None:
        """Open the folder at `path`; `random_offset` makes `epoch_offset` shift the blocks of `concat`, `shuffle_documents`
        makes `epoch_documents` put the documents of `concat` in another order.

        The files are compared with the manifest's fingerprints, unless that was done just now and `verified` is the manifest
        that it was done with. Raises DataError for a folder that holds no packed dataset, or a damaged one.
        """
        self.path = Path(path)
        manifest = verified or Manifest.read(self.path)
        if manifest is None or manifest.stage != STAGE:
            raise DataError(
                f"{self.path} holds no packed dataset (no {MANIFEST_NAME} of one). Make it with `babyllama prepare`."
            )
        damage = None if verified else manifest.damage(self.path)
        if damage:
            raise DataError(
                f"the packed dataset {self.path} is damaged: {damage}. Make it again with `babyllama prepare`."
            )
        facts, settings = manifest.outputs, manifest.settings
        self.manifest = manifest
        self.num_tokens: int = facts["tokens"]
        self.num_words: int = facts["words"]
        self.num_documents: int = facts["documents"]
        self.num_blocks: int = facts["blocks"]
        self.vocab_size: int = facts["vocab_size"]
        self.pad_token_id: int = facts["pad"]
        self.tokenizer_fingerprint: str = manifest.inputs["tokenizer"]
        self.seq_length: int = settings["seq_length"]
        self.packing: str = settings["packing"]
        self.marked: bool = layout.TARGETS in manifest.files
        """Are some tokens only read (prompts), and no targets?"""
        self.random_offset = random_offset and self.packing == "concat"
        self.shuffle_documents = shuffle_documents and self.packing == "concat"
        self._order: tuple[int, DocumentOrder] | None = None

    def __len__(self) -> int:
        return self.num_blocks

    @property
    def content(self) -> dict[str, str]:
        """Fingerprints of text, tokenizer and packing: the same where every block is."""
        return {**self.manifest.inputs, "packing": fingerprint_value(self.manifest.settings)}

    def __repr__(self) -> str:
        return (
            f"PackedDataset({str(self.path)!r}: {self.num_blocks:,} blocks of {self.seq_length}, {self.num_tokens:,} tokens, "
            f"{self.num_words:,} words, {self.num_documents:,} documents)"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Worker processes map the files themselves; a pickled map would carry the whole corpus along."""
        kept = {name: value for name, value in vars(self).items() if not isinstance(value, np.ndarray)}
        return kept | {"_order": None}

    def _map(self, name: str, kind: np.dtype | type) -> np.ndarray:
        file = self.path / name
        # An empty file cannot be mapped.
        return np.memmap(file, dtype=kind, mode="r") if file.stat().st_size else np.zeros(0, dtype=kind)

    @cached_property
    def tokens(self) -> np.ndarray:
        """[num_tokens] ids in the order of the blocks; do not write."""
        return self._map(layout.TOKENS, layout.token_type(self.vocab_size))

    @cached_property
    def _word_bits(self) -> np.ndarray:
        return self._map(layout.WORDS, np.uint8)

    @cached_property
    def _target_bits(self) -> np.ndarray:
        return self._map(layout.TARGETS, np.uint8)

    @cached_property
    def _more_words(self) -> np.ndarray:
        return self._map(layout.MORE_WORDS, POSITION)

    @cached_property
    def _starts(self) -> np.ndarray:
        return self._map(layout.STARTS, POSITION)

    @cached_property
    def _pieces(self) -> np.ndarray:
        """[P, 2] document and part of each piece of `best_fit`."""
        return self._map(layout.PIECES, POSITION).reshape(-1, 2)

    @cached_property
    def _blocks(self) -> np.ndarray:
        return self._map(layout.BLOCKS, POSITION)

    @property
    def token_counts(self) -> np.ndarray:
        """int64 [vocab_size]: how often each token occurs, special tokens included: the unigram model of the text."""
        return np.load(self.path / layout.TOKEN_COUNTS)

    def block(self, index: int, offset: int = 0, documents: int = 0) -> dict[str, Any]:
        """Block `index` of the epoch whose blocks are shifted by `offset` tokens, and whose documents are in the order that
        `documents` stands for (0: as they were read).

        input_ids, labels, position_ids: int64 [T]; words: how many words start in the block; tokens: how many are no padding.
        Labels are unshifted: the label of a token is its id, -100 where padded or not learned. Positions restart at every
        document. With an offset the text is read as a ring: the last block is followed by the tokens in front of the first, so no token is lost.
        """
        index = index + self.num_blocks if index < 0 else index
        if not 0 <= index < self.num_blocks:
            raise IndexError(f"block {index} of {self.num_blocks}")
        length = self.seq_length
        input_ids = np.full(length, self.pad_token_id, dtype=np.int64)
        labels = np.full(length, IGNORED, dtype=np.int64)
        positions = np.zeros(length, dtype=np.int64)
        words = filled = 0
        for start, stop in self._spans(index, offset, documents):
            ids = self.tokens[start:stop]
            size = len(ids)
            span = slice(filled, filled + size)
            input_ids[span] = labels[span] = ids
            if self.marked:
                unlearned = np.flatnonzero(~_bits(self._target_bits, start, stop))
                labels[filled + unlearned] = IGNORED
            place = np.arange(size)
            low, high = np.searchsorted(self._starts, [start, stop])
            restarts = np.asarray(self._starts[low:high]) - start
            base = np.zeros(size, dtype=np.int64)
            base[restarts] = restarts
            positions[span] = place - np.maximum.accumulate(base)
            if self.packing != "concat":
                # The first token of a document's later part does not follow from the document in front of it.
                cut = restarts[(self._pieces[low:high, 1] > 0) & (restarts > 0)]
                labels[filled + cut] = IGNORED
            words += self.words_between(start, stop)
            filled += size
        positions[filled:] = np.arange(length - filled)
        counts = {"words": words, "tokens": filled}
        return {"input_ids": input_ids, "labels": labels, "position_ids": positions, **counts}

    def _spans(self, index: int, offset: int, documents: int) -> list[tuple[int, int]]:
        """The stretches of the tokens that make up a block."""
        if self.packing != "concat":
            return [(int(self._blocks[index]), int(self._blocks[index + 1]))]
        size = min(self.seq_length, self.num_tokens - index * self.seq_length)
        start = (index * self.seq_length + offset) % self.num_tokens
        stop = start + size
        spans = [(start, min(stop, self.num_tokens)), (0, max(0, stop - self.num_tokens))]
        if documents:
            order = self._document_order(documents)
            return [stretch for span in spans if span[0] < span[1] for stretch in order.stored(*span)]
        return [span for span in spans if span[0] < span[1]]

    def _document_order(self, documents: int) -> DocumentOrder:
        if self._order is None or self._order[0] != documents:
            numbers = np.arange(self.num_documents, dtype=np.uint64)
            with np.errstate(over="ignore"):
                keys = _scramble(numbers + np.uint64(documents))
            self._order = documents, DocumentOrder(self._starts, self.num_tokens, keys)
        return self._order[1]

    def words_between(self, start: int, stop: int) -> int:
        """How many words start in the tokens start..stop-1."""
        words = int(np.count_nonzero(_bits(self._word_bits, start, stop)))
        if len(self._more_words):
            words += int(np.diff(np.searchsorted(self._more_words, [start, stop]))[0])
        return words

    def epoch_order(self, epoch: int, seed: int) -> np.ndarray:
        """int64 [len]: the blocks in the order of this epoch, the same for the same epoch and seed on every machine."""
        keys = _scramble(np.arange(self.num_blocks, dtype=np.uint64) + _key(seed, epoch, 1))
        return np.argsort(keys, kind="stable")

    def epoch_offset(self, epoch: int, seed: int) -> int:
        """By how many tokens (0..T-1) the blocks of this epoch are shifted; 0 without `random_offset`."""
        if not self.random_offset:
            return 0
        return int(_scramble(_key(seed, epoch, 2))[0] % np.uint64(self.seq_length))

    def epoch_documents(self, epoch: int, seed: int) -> int:
        """What the order of this epoch's documents is known by; 0, the order of the text, without `shuffle_documents`."""
        return int(_key(seed, epoch, 3)[0]) or 1 if self.shuffle_documents else 0

    def document_ids(self) -> Any:
        """Yield the token ids of each document, special tokens included, in the order of the text."""
        if self.packing == "concat":
            order = np.arange(self.num_documents)
            documents = order
        else:
            order = np.lexsort((self._pieces[:, 1], self._pieces[:, 0]))
            documents = np.asarray(self._pieces[order, 0])
        ends = np.append(self._starts[1:], self.num_tokens)
        bounds = np.flatnonzero(np.diff(documents)) + 1
        for low, high in zip([0, *bounds], [*bounds, len(order)], strict=True):
            yield np.concatenate([self.tokens[self._starts[piece] : ends[piece]] for piece in order[low:high]])

    def check(self, *, tokenizer_fingerprint: str | None = None, model_vocab_size: int | None = None) -> None:
        """Raise TokenizerError unless the dataset was made with that tokenizer and fits into that embedding."""
        if tokenizer_fingerprint is not None and tokenizer_fingerprint != self.tokenizer_fingerprint:
            raise TokenizerError(
                f"the packed text {self.path} was made with another tokenizer ({self.tokenizer_fingerprint[:19]}...) than the "
                f"one given ({tokenizer_fingerprint[:19]}...). Run `babyllama prepare` with this tokenizer."
            )
        if model_vocab_size is not None and model_vocab_size < self.vocab_size:
            raise TokenizerError(
                f"the model's vocabulary ({model_vocab_size:,} rows) is smaller than the tokenizer's ({self.vocab_size:,} "
                f"entries) that made {self.path}. Set model.vocab_size to at least {self.vocab_size}, or leave it out."
            )


_MULTIPLIERS = np.array([0xBF58476D1CE4E5B9, 0x94D049BB133111EB], dtype=np.uint64)


def _bits(packed: np.ndarray, start: int, stop: int) -> np.ndarray:
    """bool [stop - start] out of one bit per token."""
    first = start // 8
    bits = np.unpackbits(packed[first : -(-stop // 8)], bitorder="little")
    return bits[start - 8 * first : stop - 8 * first].astype(bool)


def _scramble(values: np.ndarray) -> np.ndarray:
    """SplitMix64 (Steele et al. 2014): distinct 64-bit values -> distinct values that look drawn at random."""
    with np.errstate(over="ignore"):
        values = (values + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        values = (values ^ (values >> np.uint64(30))) * _MULTIPLIERS[0]
        values = (values ^ (values >> np.uint64(27))) * _MULTIPLIERS[1]
    return values ^ (values >> np.uint64(31))


def _key(seed: int, epoch: int, purpose: int) -> np.ndarray:
    """uint64 [1] made of the three numbers."""
    key = np.zeros(1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for number in (seed, epoch, purpose):
            key = _scramble(key + np.uint64(number % (1 << 64)))
    return key
