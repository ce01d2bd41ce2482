"""Texts -> token ids in Rust batches, and which of those tokens are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Offsets = list[tuple[int, int]]


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
    return [e.ids for e in _backend(tokenizer).encode_batch_fast(list(texts), add_special_tokens=False)]


def encode_with_marks(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> list[tuple[list[int], Offsets, list[bool]]]:
    """(ids, character spans, is-a-mark flags) of each text, encoded as `tokenizer(text)` does it.

    Spans are those of the fast tokenizer; a slow one has none (empty list).
    """
    if not texts:
        return []
    if not tokenizer.is_fast:
        rows: list[tuple[list[int], Offsets, list[bool]]] = []
        for text in texts:
            ids = tokenizer(text)["input_ids"]
            rows.append(
                (
                    ids,
                    [],
                    [bool(flag) for flag in tokenizer.get_special_tokens_mask(ids, already_has_special_tokens=True)],
                )
            )
        return rows
    encodings = _backend(tokenizer).encode_batch(list(texts), add_special_tokens=True)
    return [(e.ids, e.offsets, [bool(flag) for flag in e.special_tokens_mask]) for e in encodings]


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
