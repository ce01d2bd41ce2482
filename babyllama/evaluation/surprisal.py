"""Surprisal of words: -log2 p(word | the words before it), from a causal model over sub-words.

The plain value sums the surprisals of a word's tokens. Where tokens carry the space *before* a word, that sum leaves
open whether the word ends there: "sun" is also the beginning of "sunflower". The corrected value asks for the word and
the end of the word: it adds -log2 P(a boundary follows) and takes away the boundary's cost that the tokens already paid
in front (Pimentel and Meister 2024, doi:10.18653/v1/2024.emnlp-main.1020; Oh and Schuler 2024,
doi:10.18653/v1/2024.emnlp-main.202). A boundary is a token that begins with white space, or the end mark.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from babyllama.errors import EvaluationError, TokenizerError
from babyllama.evaluation.models import LoadedModel
from babyllama.evaluation.scoring import CausalScorer
from babyllama.evaluation.scoring.sequences import Encoded, context_token, encode_with_spans

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_LN2 = math.log(2)
BATCH = 512
"""Texts that are read at once."""
Divide = Callable[[str], list[tuple[int, int]]]
"""A text -> (first character, character after the last one) of each word."""


@dataclass(frozen=True)
class WordSurprisal:
    """One word of a text."""

    sentence: int
    """Number of the text the word belongs to, from 1."""
    index: int
    """Number of the word in its text, from 1."""
    word: str
    start: int
    """First character in the text."""
    end: int
    """Character after the last one."""
    tokens: int
    """Sub-words the word is made of."""
    surprisal: float | None
    """Bits, plain sum over tokens; None for a first word without context (a tokenizer without marks)."""
    surprisal_corrected: float | None
    """Bits, with the space counted to the word it follows; None also where tokens do not mark spaces in front."""


def surprisal(
    loaded: LoadedModel,
    texts: Iterable[str],
    *,
    boundary: np.ndarray | None = None,
    split_punctuation: bool = False,
    batch_size: int = BATCH,
) -> Iterator[WordSurprisal]:
    """Every whitespace-separated word of each text, in order; each text is read on its own after the beginning mark.

    With `split_punctuation` what stands before and after a word's letters and digits is a row of its own ("mat" and "."); no
    white space ends such a word, so that there are no corrected values.
    `boundary` are the ids of the tokens before which a word has ended; by default they are found in the vocabulary.
    Texts without a word give no row. Streams, `batch_size` texts at once: memory does not grow with their number. EvaluationError for
    masked models, TokenizerError for slow tokenizers (they do not tell where a token stands).
    """
    _require(loaded)
    if split_punctuation:
        return _surprisal(loaded, texts, np.zeros(0, dtype=np.int64), _parts, batch_size)
    ends = boundary_tokens(loaded.tokenizer) if boundary is None else boundary
    return _surprisal(loaded, texts, ends, _words, batch_size)


def surprisal_of_parts(
    loaded: LoadedModel, texts: Iterable[str], parts: Iterable[list[tuple[int, int]]]
) -> Iterator[WordSurprisal]:
    """The same for parts of the texts that are longer or shorter than words, without corrected values.

    `parts` holds for each text (first character, character after the last one) of each, in order; white space between two belongs
    to the second, and what stands behind the last to that one. EvaluationError, TokenizerError.
    """
    _require(loaded)
    # Texts are divided once each, in their order.
    spans = iter(parts)
    return _surprisal(loaded, texts, np.zeros(0, dtype=np.int64), lambda text: next(spans), BATCH)


def _require(loaded: LoadedModel) -> None:
    if loaded.masked:
        raise EvaluationError(f"{loaded.name} is a masked language model: words have no surprisal from left to right.")
    if not loaded.tokenizer.is_fast:
        raise TokenizerError("surprisal needs a fast tokenizer (tokenizer.json): it reads where each token stands.")


def _surprisal(
    loaded: LoadedModel, texts: Iterable[str], ends: np.ndarray, divide: Divide, batch_size: int
) -> Iterator[WordSurprisal]:
    scorer = CausalScorer(loaded)
    batch: list[tuple[int, str]] = []
    for number, text in enumerate(texts, 1):
        batch.append((number, text))
        if len(batch) == batch_size:
            yield from _score(loaded, scorer, batch, ends, divide)
            batch = []
    yield from _score(loaded, scorer, batch, ends, divide)


def boundary_tokens(tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    """Ids of the tokens that begin with white space, and of the end mark; empty when no token begins with a space.

    What a token begins with is asked of the tokenizer's own decoder, with a letter in front: how spaces are written (Ġ, ▁),
    how the pieces that continue a word are marked (▁, ##), and bytes that stand alone (<0x0A>) differ between types. A
    BERT-like WordPiece decoder puts spaces between tokens by rule, so that its tokens mark none.
    """
    decoder = tokenizer.backend_tokenizer.decoder
    if decoder is None or b'"WordPiece"' in decoder.__getstate__():
        return np.zeros(0, dtype=np.int64)
    begins = {index: decoder.decode(["a", token])[1:2] for token, index in tokenizer.get_vocab().items()}
    if " " not in begins.values():
        return np.zeros(0, dtype=np.int64)
    ends = {index for index, character in begins.items() if character.isspace()}
    if tokenizer.eos_token_id is not None:
        ends.add(tokenizer.eos_token_id)
    return np.array(sorted(ends), dtype=np.int64)


def _score(
    loaded: LoadedModel, scorer: CausalScorer, batch: list[tuple[int, str]], ends: np.ndarray, divide: Divide
) -> Iterator[WordSurprisal]:
    first = context_token(loaded.tokenizer)
    head = () if first is None else (first,)
    encoded = encode_with_spans(loaded.tokenizer, [text for _, text in batch])
    sequences = []
    for ids, _ in encoded:
        # One made-up token at the end makes the model predict what follows the last word; its own score is not used.
        whole = (*head, *ids, 0)
        sequences.append(Encoded(whole, range(1, len(whole))))
    scores = scorer.score(sequences, subset=ends) if len(ends) else scorer.score(sequences)
    opening = set(ends.tolist())
    for (number, text), (ids, spans), values in zip(batch, encoded, scores, strict=True):
        log_p, log_end = (values[0], values[1]) if len(ends) else (values, None)
        if not head:
            # Without a mark the first token has no prediction: shift so that index k is token k again.
            log_p = np.concatenate([[np.nan], log_p])
            log_end = None if log_end is None else np.concatenate([[np.nan], log_end])
        for index, (start, end, tokens) in enumerate(_with_tokens(divide(text), spans), 1):
            plain = -float(log_p[tokens.start : tokens.stop].sum(dtype=np.float64)) / _LN2
            corrected = None
            if log_end is not None and len(tokens):
                before = float(log_end[tokens.start])
                if ids[tokens.start] not in opening:
                    # The first word of a text stands without a space: what was paid is the cost of *no* boundary.
                    before = math.log1p(-math.exp(before)) if before < 0 else -math.inf
                corrected = plain - (float(log_end[tokens.stop]) - before) / _LN2
            yield WordSurprisal(
                number, index, text[start:end], start, end, len(tokens), _finite(plain), _finite(corrected)
            )


def _words(text: str) -> list[tuple[int, int]]:
    """(start, end) of each whitespace-separated word."""
    words: list[tuple[int, int]] = []
    start = None
    for position, character in enumerate(text + " "):
        if character.isspace():
            if start is not None:
                words.append((start, position))
                start = None
        elif start is None:
            start = position
    return words


def _parts(text: str) -> list[tuple[int, int]]:
    """(start, end) of each word, with what stands before its first and after its last letter or digit apart."""
    parts = []
    for start, end in _words(text):
        plain = [position for position in range(start, end) if text[position].isalnum()]
        cuts = [start, plain[0], plain[-1] + 1, end] if plain else [start, end]
        # A mark that belongs to the letter before it (an accent written apart) stays with it.
        while plain and cuts[2] < end and unicodedata.combining(text[cuts[2]]):
            cuts[2] += 1
        parts += [(a, b) for a, b in pairwise(cuts) if a < b]
    return parts


def _with_tokens(words: list[tuple[int, int]], spans: list[tuple[int, int]]) -> list[tuple[int, int, range]]:
    """(start, end, tokens) of each word; a token belongs to the word that holds its last character.

    A token of white space alone belongs to the next word, or to the last one at the end of the text.
    """
    rows = []
    token = 0
    for number, (start, end) in enumerate(words):
        begin = token
        last = number == len(words) - 1
        while token < len(spans) and (last or spans[token][1] <= end):
            token += 1
        rows.append((start, end, range(begin, token)))
    return rows


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
