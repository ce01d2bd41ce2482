"""Texts -> token ids in Rust batches, which of those tokens are scored, and the windows a long sequence is read in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Progress = Callable[[float, float], None]
"""Called with (sequences done, sequences in all)."""


@dataclass(frozen=True)
class Encoded:
    """One sequence to be scored: token ids and the positions whose log-probability counts."""

    ids: tuple[int, ...]
    """Token ids, context in front."""
    targets: Sequence[int]
    """Positions in `ids` that are scored, ascending; position 0 has no context and is never one."""

    @property
    def inputs(self) -> tuple[int, ...]:
        """What a causal model must read: everything before the last target."""
        return self.ids[: self.targets[-1]] if len(self.targets) else ()


def encode_plain(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, without any marks of the tokenizer's own."""
    if not texts:
        return []
    if not tokenizer.is_fast:
        return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    encode = _backend(tokenizer).encode_batch_fast
    return [e.ids for part in _batches(texts) for e in encode(part, add_special_tokens=False)]


class Marked(NamedTuple):
    """One text as `tokenizer(text)` encodes it, with everything known about each token."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    """Character span of each token, (0, 0) for marks; empty when the tokenizer is a slow one."""
    marks: list[bool]
    """Is the token a mark of the tokenizer's own (BOS, CLS, ...)?"""
    words: list[int]
    """Number of the tokenizer's own word (pre-token) that each token belongs to, -1 for marks."""


def encode_with_marks(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[Marked]:
    """Each text with the marks that the tokenizer adds by itself."""
    if not texts:
        return []
    if tokenizer.is_fast:
        encode = _backend(tokenizer).encode_batch
        return [
            Marked(
                e.ids,
                e.offsets,
                [bool(flag) for flag in e.special_tokens_mask],
                [-1 if word is None else word for word in e.word_ids],
            )
            for part in _batches(texts)
            for e in encode(part, add_special_tokens=True)
        ]
    rows = []
    for text in texts:
        ids = tokenizer(text)["input_ids"]
        marks = [bool(flag) for flag in tokenizer.get_special_tokens_mask(ids, already_has_special_tokens=True)]
        rows.append(Marked(ids, [], marks, [-1 if mark else index for index, mark in enumerate(marks)]))
    return rows


def encode_with_spans(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> list[tuple[list[int], list[tuple[int, int]]]]:
    """(token ids, character span of each) of each text, without marks; for fast tokenizers."""
    if not texts:
        return []
    encode = _backend(tokenizer).encode_batch
    return [(e.ids, e.offsets) for part in _batches(texts) for e in encode(part, add_special_tokens=False)]


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """`texts` a thousand at a time: the tokenizer keeps strings and offsets of a whole batch, many times its ids."""
    for start in range(0, len(texts), 1000):
        yield list(texts[start : start + 1000])


def _backend(tokenizer: PreTrainedTokenizerBase):  # type: ignore[no-untyped-def]
    """The Rust tokenizer, set the way transformers sets it for a call without truncation and padding."""
    backend = tokenizer.backend_tokenizer
    if backend.truncation is not None:
        backend.no_truncation()
    if backend.padding is not None:
        backend.no_padding()
    backend.encode_special_tokens = bool(getattr(tokenizer, "split_special_tokens", False))
    return backend


def context_token(tokenizer: PreTrainedTokenizerBase, *, allow_pad: bool = False) -> int | None:
    """The token that stands for an empty context: BOS, else EOS, else (if allowed) PAD, else None."""
    candidates = [tokenizer.bos_token_id, tokenizer.eos_token_id]
    if allow_pad:
        candidates.append(tokenizer.pad_token_id)
    return next((token for token in candidates if token is not None), None)


def windows(
    length: int, targets: Sequence[int], context: int | None, stride: int | None = None
) -> list[tuple[slice, int, int]]:
    """Cut a sequence whose first `length` tokens are read into windows of at most `context` tokens.

    Returns (part of `targets`, first token read, end of the tokens read) per window. The first window
    predicts as much as fits; each later one moves on by `stride` (default: half the context) and predicts
    only what none before it did, so that every target has at least `context - stride` tokens before it.
    """
    if not len(targets):
        return []
    if context is None or length <= context:
        return [(slice(0, len(targets)), 0, length)]
    step = min(stride or max(1, context // 2), context)
    parts = []
    begin, done = 0, 0
    while done < len(targets):
        end = min(begin + context, length)
        upto = int(
            np.searchsorted(np.asarray(targets), end, side="right")
        )  # the last token read predicts position `end`
        if upto > done:
            parts.append((slice(done, upto), begin, end))
            done = upto
        begin += step
    return parts
