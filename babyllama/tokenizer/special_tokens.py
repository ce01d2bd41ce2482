"""The special tokens, defined once."""

from __future__ import annotations

from dataclasses import dataclass

PAD, BOS, EOS = "<pad>", "<s>", "</s>"
SPECIAL_TOKENS = (PAD, BOS, EOS)
"""In the order of their ids: 0, 1, 2."""
MASK = "<mask>"
"""Stands for a hidden token. The last id, and only of a tokenizer that is trained for an objective which hides tokens."""


@dataclass(frozen=True)
class SpecialIds:
    """Token ids that surround a document and fill up a block."""

    bos: int
    eos: int
    pad: int
