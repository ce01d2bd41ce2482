"""Where a text may be cut without changing its tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tokenizers import Regex, Tokenizer, pre_tokenizers

# Between a visible ASCII character and a space or line break. The byte-level pre-tokenizer never puts the two into one
# piece (a piece is a run of white space, or at most one space followed by other characters), looks ahead only from
# inside white space, and never looks back; NFKC neither joins nor reorders across them.
_SAFE_CUT = re.compile(r"[!-~](?=[ \n])")
_SAFE_CUT_AT_SPACE = re.compile(r"[!-~](?= )")


LONGEST_WORDPIECE_WORD = 100
"""Characters after which a WordPiece model gives up on a word, so that longer ones are cut before they reach it."""


def cut_long_words() -> pre_tokenizers.PreTokenizer:
    """Cuts what the byte-level pattern leaves into stretches that a WordPiece model accepts."""
    return pre_tokenizers.Split(Regex(f".{{1,{LONGEST_WORDPIECE_WORD}}}"), behavior="isolated")


_LONG_WORDS = json.loads(cut_long_words().__getstate__())


@dataclass(frozen=True)
class PreTokenizerKind:
    """What the cutting of text relies on, read from the tokenizer's own description."""

    byte_level: bool
    """Splits with the GPT-2 pattern and maps bytes to characters; nothing else pre-tokenizes or normalises."""
    prefix_space: bool
    """Puts a space in front of a text that does not start with one."""
    nfkc: bool
    """Normalises to NFKC first."""

    @property
    def plain(self) -> bool:
        """Each piece of text is encoded by itself and keeps its bytes."""
        return self.byte_level and not self.prefix_space and not self.nfkc

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> PreTokenizerKind:
        """Read from `tokenizer`; unknown parts make `byte_level` False."""

        def state(part: Any) -> dict:
            return json.loads(part.__getstate__()) if part is not None else {}

        pre, normalizer = state(tokenizer.pre_tokenizer), state(tokenizer.normalizer)
        added = tokenizer.get_added_tokens_decoder().values()
        if pre.get("type") == "Sequence" and pre["pretokenizers"][1:] == [_LONG_WORDS]:
            pre = pre["pretokenizers"][0]
        known = pre.get("type") == "ByteLevel" and pre.get("use_regex", True)
        # An added token that is not special would be found in the text before the pattern is applied.
        known = known and all(token.special for token in added) and normalizer.get("type") in (None, "NFKC")
        return cls(known, bool(pre.get("add_prefix_space", False)), normalizer.get("type") == "NFKC")


def cut_text(text: str, size: int, kind: PreTokenizerKind) -> Iterator[str]:
    """Cut `text` into pieces of at least `size` characters whose tokens, joined, are the tokens of the whole text.

    A text without a safe place, or a tokenizer that is not known to have such places, comes back whole.
    """
    if not kind.byte_level or len(text) <= size:
        yield text
        return
    safe = _SAFE_CUT_AT_SPACE if kind.prefix_space else _SAFE_CUT
    start = 0
    while len(text) - start > size and (match := safe.search(text, start + size - 1)):
        yield text[start : match.end()]
        start = match.end()
    if start < len(text):
        yield text[start:]
