"""How much of a held-out text occurs in the training text: shared word n-grams, measured in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

NGRAM = 8
"""Words in an n-gram."""
BATCH = 1 << 18
"""Words hashed at a time."""
# Powers of an odd number with well-spread bits: a polynomial hash over the n words, modulo 2**64.
_FACTORS = np.array([pow(0x9E3779B97F4A7C15, power, 1 << 64) for power in range(1, NGRAM + 1)], dtype=np.uint64)


@dataclass(frozen=True)
class Overlap:
    """Overlap of held-out and training text in word 8-grams."""

    ngrams: int
    """Different n-grams of the held-out text."""
    shared: int
    """Those of them that occur in the training text."""

    @property
    def fraction(self) -> float:
        """The shared part; 0 for a text too short to have n-grams."""
        return self.shared / self.ngrams if self.ngrams else 0.0


def measure_overlap(train: Iterable[str], dev: Iterable[str]) -> Overlap:
    """The word 8-grams of the documents `dev` that occur in the documents `train`, inside documents only.

    Words are strings between white space. N-grams are compared by 64-bit hashes; memory is 9 bytes per n-gram of `dev`
    (the training text is streamed).
    """
    held_out = np.unique(np.concatenate([np.empty(0, np.uint64), *_ngrams(dev)]))
    found = np.zeros(len(held_out), dtype=bool)
    for hashes in _ngrams(train):
        if len(held_out):
            places = np.searchsorted(held_out, hashes).clip(max=len(held_out) - 1)
            found[places[held_out[places] == hashes]] = True
    return Overlap(len(held_out), int(found.sum()))


def _ngrams(documents: Iterable[str]) -> Iterator[np.ndarray]:
    """Hashes of the n-grams inside each document, in batches."""
    for words, lasts in _batches(documents):
        if len(words) < NGRAM:
            continue
        hashes = np.zeros(len(words) - NGRAM + 1, dtype=np.uint64)
        for place, factor in enumerate(_FACTORS):
            hashes += words[place : place + len(hashes)] * factor
        # A window that starts less than n words before a document's end reaches into the next document.
        crossing = np.zeros(len(words), dtype=bool)
        for back in range(NGRAM - 1):
            crossing[(lasts - back).clip(min=0)] = True
        yield hashes[~crossing[: len(hashes)]]


def _batches(documents: Iterable[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Word hashes of whole documents, at least `BATCH` at a time, and the place of each document's last word."""
    words: list[int] = []
    lasts: list[int] = []
    for document in documents:
        words += map(hash, document.split())
        if words:
            lasts.append(len(words) - 1)
        if len(words) >= BATCH:
            yield np.array(words, dtype=np.int64).view(np.uint64), np.array(lasts)
            words, lasts = [], []
    if words:
        yield np.array(words, dtype=np.int64).view(np.uint64), np.array(lasts)
