"""Prompts with responses -> token ids, and which of them are targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from tokenizers import Tokenizer

from babyllama.corpus.reading.instructions import Example
from babyllama.dataset.encoding import BATCH, TokenBatch, encoder_of
from babyllama.dataset.layout import POSITION
from babyllama.dataset.pieces import Stretch
from babyllama.tokenizer import SpecialIds


def encode_examples(
    examples: Iterable[Example], tokenizer: Tokenizer, special: SpecialIds, *, batch: int = BATCH
) -> Iterator[TokenBatch]:
    """`<s>`, the segments of an example with their end marks, in batches of about `batch` tokens.

    Every segment is encoded by itself: a response follows the same tokens as when its prompt is all there is.
    """
    encoder = encoder_of(tokenizer, special)
    ids: list[np.ndarray] = []
    words: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    starts: list[int] = []
    size = 0
    for example in examples:
        starts.append(size)
        for number, part in enumerate(example):
            found, counts = encoder.encode([Stretch(part.text, first=number == 0, last=part.ends)])
            learned = np.full(len(found), part.learned)
            if number == 0:
                learned[0] = False  # the beginning mark follows from nothing
            ids.append(found)
            words.append(counts)
            targets.append(learned)
            size += len(found)
        if size >= batch:
            yield _joined(ids, words, targets, starts)
            ids, words, targets, starts, size = [], [], [], [], 0
    if starts:
        yield _joined(ids, words, targets, starts)


def _joined(ids: list[np.ndarray], words: list[np.ndarray], targets: list[np.ndarray], starts: list[int]) -> TokenBatch:
    places = np.asarray(starts, dtype=POSITION)
    return TokenBatch(np.concatenate(ids), np.concatenate(words), places, open=False, targets=np.concatenate(targets))
