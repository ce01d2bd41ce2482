"""Words in context and their surprisal, for the BabyLM reading task: as its pipeline takes it, and as the word stands in the text.

`official` encodes the context (which ends without a space) and the word (which begins without one) apart, and every later piece
of a word once more from its decoded text. A byte-level BPE without prefix space therefore never meets the tokens that the word
has in running text, and later pieces go wrong under most tokenizers. `correct` encodes context and word as one text.
Surprisals are natural logarithms, the masked backends hide the piece and put two more masks behind it, as the pipeline does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from babyllama.errors import DataError, TokenizerError
from babyllama.evaluation.scoring.backends import Backend, Scorer
from babyllama.evaluation.scoring.masked import EncodedWords
from babyllama.evaluation.scoring.sequences import (
    Encoded,
    Marked,
    Progress,
    context_token,
    encode_plain,
    encode_with_marks,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MASKS = 3
"""Masks behind the context in the masked backends; the first stands for the piece that is scored."""
Way = Literal["official", "correct"]


class InContext(NamedTuple):
    """A word and all that stands before it in its sentence, without the space between them."""

    before: str
    word: str


@dataclass(frozen=True)
class Pieces:
    """The pieces of a word, each as a sequence in which it alone is scored."""

    sequences: list[Encoded]
    tokens: tuple[int, ...]
    """What is scored in each."""


def encode_words(
    tokenizer: PreTrainedTokenizerBase, words: Sequence[InContext], backend: Backend, way: Way
) -> list[Pieces]:
    """Every word in its context. DataError for a word without a token, TokenizerError for a tokenizer that lacks what is needed."""
    if not tokenizer.is_fast:
        raise TokenizerError(
            "the reading task needs a fast tokenizer (tokenizer.json): it reads where each token stands."
        )
    encode = _official if way == "official" else _correct
    return encode(tokenizer, words, backend)


def surprisals(
    tokenizer: PreTrainedTokenizerBase,
    scorer: Scorer,
    words: Sequence[InContext],
    backend: Backend,
    way: Way,
    progress: Progress | None = None,
) -> tuple[np.ndarray, list[Pieces]]:
    """(-ln p of each word given its context [words], NaN for one without any context before it; the pieces)."""
    pieces = encode_words(tokenizer, words, backend, way)
    arrays = scorer.score([sequence for one in pieces for sequence in one.sequences], progress)
    values = iter(float(array.sum()) if len(array) else float("nan") for array in arrays)
    return np.array([-sum(next(values) for _ in one.sequences) for one in pieces]), pieces


def _official(tokenizer: PreTrainedTokenizerBase, words: Sequence[InContext], backend: Backend) -> list[Pieces]:
    first = encode_plain(tokenizer, [one.word for one in words])
    texts: list[str] = []
    targets: list[int] = []
    counts = []
    for (before, word), ids in zip(words, first, strict=True):
        if not ids:
            raise DataError(f"the tokenizer makes no token of the word {word!r}.")
        sentence = before
        for number, token in enumerate(ids):
            shown = str(tokenizer.decode([token]))
            again = encode_plain(tokenizer, [shown])[0] if number else [token]
            texts.append(sentence)
            targets.append(again[0] if again else token)
            sentence += shown
        counts.append(len(ids))
    marked = encode_with_marks(tokenizer, texts)
    if backend == "causal":
        sequences = [_behind(text.ids, token) for text, token in zip(marked, targets, strict=True)]
    else:
        # The pipeline appends the mask's name to the text; as ids it also works where that is encoded as ordinary text.
        sequences = [
            _hidden(tokenizer, *_at_the_last_marks(text), token) for text, token in zip(marked, targets, strict=True)
        ]
    pieces, start = [], 0
    for count in counts:
        part = slice(start, start + count)
        pieces.append(Pieces(sequences[part], tuple(targets[part])))
        start += count
    return pieces


def _correct(tokenizer: PreTrainedTokenizerBase, words: Sequence[InContext], backend: Backend) -> list[Pieces]:
    texts = [f"{before} {word}" if before else word for before, word in words]
    head = context_token(tokenizer)
    found = []
    for one, marked in zip(words, encode_with_marks(tokenizer, texts), strict=True):
        front = marked.ids[:1] if marked.marks[:1] == [True] else []
        body = [
            (token, span)
            for token, span, mark in zip(marked.ids, marked.offsets, marked.marks, strict=True)
            if not mark
        ]
        behind = marked.ids[len(front) + len(body) :]
        ids = [token for token, _ in body]
        start = next((k for k, (_, (_, end)) in enumerate(body) if end > len(one.before)), len(body))
        if start == len(body):
            raise DataError(f"the tokenizer makes no token of the word {one.word!r}.")
        if not front and head is not None and backend == "causal":
            front = [head]  # training put it before every document
        sequences: list[Encoded] = []
        for k in range(start, len(ids)):
            before = [*front, *ids[:k]]
            if backend == "causal":
                sequences.append(_behind(before, ids[k]))
            else:
                sequences.append(_hidden(tokenizer, before, behind, ids[k]))
        found.append(Pieces(sequences, tuple(ids[start:])))
    return found


def _behind(ids: Sequence[int], token: int) -> Encoded:
    """`token` scored after `ids`; not at all where there is nothing before it."""
    return Encoded((*ids, token), [len(ids)] if ids else [])


def _hidden(tokenizer: PreTrainedTokenizerBase, before: Sequence[int], behind: Sequence[int], token: int) -> Encoded:
    """`token` in the place of the first of the masks between `before` and the marks `behind`."""
    masks = [int(tokenizer.mask_token_id or 0)] * (MASKS - 1)
    return EncodedWords((*before, token, *masks, *behind), [len(before)])


def _at_the_last_marks(text: Marked) -> tuple[list[int], list[int]]:
    """(ids of a text, ids of the marks behind it)"""
    end = len(text.ids)
    while end and text.marks[end - 1]:
        end -= 1
    return text.ids[:end], text.ids[end:]
