"""Documents -> token ids with special tokens, and the token in which each word starts.

A word is a whitespace-separated string of the original text (`str.split`). It belongs to the token that holds its first
character, or the single space in front of it: byte-level tokens carry that space along.

Two ways lead there. `PieceEncoder` serves byte-level tokenizers, which encode each piece that the GPT-2 pattern cuts out of
the text by itself: each different piece is encoded once by `tokenizers`, and a text becomes a look-up of its pieces.
`OffsetEncoder` serves every other tokenizer and reads the words off the offsets that it reports.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from tokenizers import Tokenizer

from babyllama.dataset.layout import POSITION
from babyllama.dataset.pieces import MOST_PIECES, PieceEncoder, Stretch
from babyllama.tokenizer import SpecialIds
from babyllama.tokenizer.cutting import PreTokenizerKind, cut_text

BATCH = 1_000_000
"""Characters encoded in one go, which bounds memory."""


@dataclass(frozen=True)
class TokenBatch:
    """Consecutive tokens of the text with its special tokens."""

    ids: np.ndarray
    """[N] token ids."""
    words: np.ndarray
    """[N] how many words start in each token."""
    starts: np.ndarray
    """int64: where a document starts (its `<s>`) among the N tokens."""
    open: bool
    """Whether the last document goes on in the next batch."""
    targets: np.ndarray | None = None
    """bool [N]: which tokens are learned; None: all of them."""


class Encoder(Protocol):
    """Turns parts of documents, in order, into tokens with special tokens: ids [N] and words started per token [N]."""

    def encode(self, parts: list[Stretch]) -> tuple[np.ndarray, np.ndarray]: ...


def encode_documents(
    documents: Iterable[str],
    tokenizer: Tokenizer,
    special: SpecialIds,
    *,
    batch: int = BATCH,
    most_pieces: int = MOST_PIECES,
) -> Iterator[TokenBatch]:
    """`<s> document </s>` for every document that is not empty, in order, in batches of about `batch` characters."""
    encoder = encoder_of(tokenizer, special, most_pieces)
    for parts in _batches(documents, PreTokenizerKind.of(tokenizer), batch):
        ids, words = encoder.encode(parts)
        # Text never yields a special id (special-token strings are ordinary text to the tokenizer), except where one token
        # serves for both ends; then every second one is a start.
        yield TokenBatch(ids, words, _document_starts(ids, parts, special), open=not parts[-1].last)


def encoder_of(tokenizer: Tokenizer, special: SpecialIds, most_pieces: int = MOST_PIECES) -> Encoder:
    """The fastest encoder that serves `tokenizer`."""
    if PieceEncoder.serves(tokenizer):
        return PieceEncoder(tokenizer, special, most_pieces)
    return OffsetEncoder(tokenizer, special)


def _document_starts(ids: np.ndarray, parts: list[Stretch], special: SpecialIds) -> np.ndarray:
    found = np.flatnonzero(ids == special.bos).astype(POSITION)
    if special.bos != special.eos:
        return found
    return found[0 if parts[0].first else 1 :: 2]


def _batches(documents: Iterable[str], kind: PreTokenizerKind, most: int) -> Iterator[list[Stretch]]:
    parts: list[Stretch] = []
    size = 0
    for document in documents:
        if not document:
            continue
        done = 0
        for stretch in cut_text(document, most, kind):
            first = done == 0
            done += len(stretch)
            parts.append(Stretch(stretch, first, last=done == len(document)))
            size += len(stretch)
            if size >= most:
                yield parts
                parts, size = [], 0
    if parts:
        yield parts


class OffsetEncoder:
    """Encodes with any tokenizer; words are found through the character offsets of its tokens."""

    _STRETCH = 20_000

    def __init__(self, tokenizer: Tokenizer, special: SpecialIds) -> None:
        self._tokenizer, self._special = tokenizer, special
        self._kind = PreTokenizerKind.of(tokenizer)
        self._waiting = 0

    def encode(self, parts: list[Stretch]) -> tuple[np.ndarray, np.ndarray]:
        """See `Encoder`."""
        stretches = [list(cut_text(part.text, self._STRETCH, self._kind)) for part in parts]
        flat = [stretch for part in stretches for stretch in part]
        encodings = iter(self._tokenizer.encode_batch(flat, add_special_tokens=False))
        ids: list[np.ndarray] = []
        words: list[np.ndarray] = []
        for part, pieces in zip(parts, stretches, strict=True):
            if part.first:
                self._append(ids, words, [self._special.bos], 0)
            for piece in pieces:
                encoding = next(encodings)
                counts, left = _words_per_token(piece, np.asarray(encoding.offsets, dtype=POSITION).reshape(-1, 2))
                ids.append(np.asarray(encoding.ids, dtype=np.uint32))
                if self._waiting and len(counts):
                    counts[0] += self._waiting
                    self._waiting = 0
                words.append(counts)
                self._waiting += left
            if part.last:
                # A word at the end that the tokenizer drops altogether is counted at the end token.
                self._append(ids, words, [self._special.eos], self._waiting)
                self._waiting = 0
        return np.concatenate(ids), np.concatenate(words)

    @staticmethod
    def _append(ids: list[np.ndarray], words: list[np.ndarray], tokens: list[int], count: int) -> None:
        ids.append(np.asarray(tokens, dtype=np.uint32))
        words.append(np.full(len(tokens), count, dtype=np.int64))


_WORD = re.compile(r"\S+")


def _words_per_token(text: str, offsets: np.ndarray) -> tuple[np.ndarray, int]:
    """Words that start in each token, and how many start behind the last token."""
    places = [match.start() for match in _WORD.finditer(text)]
    places = [place - 1 if place and text[place - 1] == " " else place for place in places]
    ends = np.maximum.accumulate(offsets[:, 1]) if len(offsets) else np.zeros(0, dtype=POSITION)
    tokens = np.searchsorted(ends, np.asarray(places, dtype=POSITION), side="right")
    counts = np.bincount(tokens, minlength=len(offsets) + 1)
    return counts[:-1], int(counts[-1])
