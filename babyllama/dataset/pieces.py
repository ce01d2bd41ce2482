"""Byte-level encoding by looking up pieces: the tokens of `encode_batch_fast`, and the words that start in each of them.

Packing 37 MB of BabyLM this way runs at 7.60 MB/s in 168 MB of memory; `encode_batch_fast` alone, which knows no words, at
4.45 MB/s in 1,344 MB (`benchmarks/corpus.py --parts packing`, docs/performance.md).

A byte-level tokenizer cuts text with the GPT-2 pattern and encodes each piece by itself, so a piece always gets the same
tokens. Real text repeats its pieces, and one look-up costs a small part of one encoding. The pattern is built from the
tokenizer's own idea of letters, digits and white space, asked for a page of Unicode at a time, so that a difference
between the Unicode versions of Python and of `tokenizers` cannot change a cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer, pre_tokenizers

from babyllama.dataset.layout import POSITION, runs
from babyllama.tokenizer import SpecialIds
from babyllama.tokenizer.cutting import PreTokenizerKind

WINDOW = 1_000_000
"""Characters the pattern sees at a time. A piece without any cut that is longer (a megabyte of letters) is cut here."""
MARGIN = 8
"""The pattern looks at most this far beyond a piece, so pieces that end earlier do not depend on what follows."""
_PAGE = 256
MOST_PIECES, _MOST_CHARACTERS = 400_000, 16_000_000
"""When the look-up table exceeds either it starts anew, which bounds memory on text that hardly repeats itself."""


@dataclass(frozen=True)
class Stretch:
    """A stretch of one document."""

    text: str
    first: bool
    last: bool


class PieceEncoder:
    """Encodes parts of documents with a plain byte-level tokenizer."""

    def __init__(self, tokenizer: Tokenizer, special: SpecialIds, most_pieces: int = MOST_PIECES) -> None:
        self._tokenizer = tokenizer
        self._table = _PieceTable(tokenizer, special, most_pieces)
        self._pattern = PiecePattern(tokenizer)
        self._after_space = True

    @staticmethod
    def serves(tokenizer: Tokenizer) -> bool:
        """Whether `tokenizer` encodes each piece by itself, deterministically, and can spell every byte."""
        kind = PreTokenizerKind.of(tokenizer)
        dropout = getattr(tokenizer.model, "dropout", None)
        vocabulary = tokenizer.get_vocab()
        return kind.plain and not dropout and all(byte in vocabulary for byte in pre_tokenizers.ByteLevel.alphabet())

    def encode(self, parts: list[Stretch]) -> tuple[np.ndarray, np.ndarray]:
        """Token ids with special tokens [N] (uint32) and words started per token [N]."""
        keys: list[str | int] = []
        for part in parts:
            if part.first:
                keys.append(_PieceTable.BOS)
            keys += self._pattern.cut(part.text)
            if part.last:
                keys.append(_PieceTable.EOS)
        table = self._table
        entries = table.look_up(keys)
        lengths = table.lengths[entries]
        ids = table.ids[runs(table.offsets[entries], lengths)]
        # A piece that does not begin with white space starts a word where the piece before ended with white space.
        after_space = np.empty(len(entries), dtype=bool)
        after_space[0] = self._after_space
        after_space[1:] = table.ends_in_space[entries[:-1]]
        self._after_space = bool(table.ends_in_space[entries[-1]])
        words = np.zeros(len(ids), dtype=POSITION)
        words[np.cumsum(lengths) - lengths] = table.words_inside[entries] + (
            table.begins_visibly[entries] & after_space
        )
        table.forget_if_large()
        return ids, words


class _PieceTable(dict[str | int, int]):
    """Piece -> its entry; the arrays hold what is known of each entry. SpecialIds are the entries of two numbers."""

    BOS, EOS = 0, 1

    def __init__(self, tokenizer: Tokenizer, special: SpecialIds, most: int) -> None:
        super().__init__()
        self._tokenizer, self._special, self._most = tokenizer, special, most
        self._new: list[str] = []
        self._start()

    def _start(self) -> None:
        self.clear()
        self[self.BOS], self[self.EOS] = 0, 1
        self._characters = 0
        self.ids = np.array([self._special.bos, self._special.eos], dtype=np.uint32)
        self.offsets = np.array([0, 1], dtype=POSITION)
        self.lengths = np.array([1, 1], dtype=POSITION)
        # A document starts as after white space.
        self.ends_in_space = np.array([True, False])
        self.begins_visibly = np.array([False, False])
        self.words_inside = np.array([0, 0], dtype=POSITION)

    def __missing__(self, piece: str) -> int:
        entry = self[piece] = len(self)
        self._new.append(piece)
        return entry

    def look_up(self, keys: list[str | int]) -> np.ndarray:
        """The entry of each key, new pieces being encoded on the way."""
        entries = np.fromiter(map(self.__getitem__, keys), dtype=np.intp, count=len(keys))
        if self._new:
            self._learn(self._new)
            self._new = []
        return entries

    def _learn(self, pieces: list[str]) -> None:
        rows = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(pieces, add_special_tokens=False)]
        lengths = np.fromiter(map(len, rows), dtype=POSITION, count=len(rows))
        ids = np.fromiter((token for row in rows for token in row), dtype=np.uint32, count=int(lengths.sum()))
        offsets = len(self.ids) + np.cumsum(lengths) - lengths
        visible = np.array([not piece[0].isspace() for piece in pieces])
        spaced = np.array([piece[-1].isspace() for piece in pieces])
        words = np.fromiter((len(piece.split()) for piece in pieces), dtype=np.int64, count=len(pieces))
        self.ids = np.concatenate([self.ids, ids])
        self.offsets = np.concatenate([self.offsets, offsets])
        self.lengths = np.concatenate([self.lengths, lengths])
        self.ends_in_space = np.concatenate([self.ends_in_space, spaced])
        self.begins_visibly = np.concatenate([self.begins_visibly, visible])
        self.words_inside = np.concatenate([self.words_inside, words - visible])
        self._characters += sum(map(len, pieces))

    def forget_if_large(self) -> None:
        """Start anew when the table has outgrown its bounds."""
        if len(self) > self._most or self._characters > _MOST_CHARACTERS:
            self._start()


class PiecePattern:
    """The GPT-2 pattern over the classes of characters that the tokenizer itself has."""

    def __init__(self, tokenizer: Tokenizer, window: int = WINDOW) -> None:
        self._pre_tokenizer, self._window = tokenizer.pre_tokenizer, window
        self._classes: dict[str, list[str]] = {"letter": [], "number": [], "space": [], "other": []}
        self._pages: set[int] = set()
        self._learn({0})

    def cut(self, text: str) -> list[str]:
        """The pieces of `text`, in order; joined they are `text`."""
        if not text.isascii():
            unseen = {ord(character) // _PAGE for character in self._unseen.findall(text)}
            if unseen:
                self._learn(unseen)
        if len(text) <= self._window:
            return self._pattern.findall(text)
        pieces: list[str] = []
        start = 0
        while len(text) - start > self._window:
            window = self._pattern.findall(text, start, start + self._window)
            length = sum(map(len, window))
            while len(window) > 1 and length > self._window - MARGIN:
                length -= len(window.pop())
            pieces += window
            start += length
        return pieces + self._pattern.findall(text, start)

    def _learn(self, pages: set[int]) -> None:
        for page in sorted(pages):
            for code in range(page * _PAGE, (page + 1) * _PAGE):
                if not 0xD800 <= code < 0xE000:
                    self._classes[self._class_of(chr(code))].append(chr(code))
        self._pages |= pages
        letter, number, space, other = (_ranges(characters) for characters in self._classes.values())
        # The order of the alternatives matters only for contractions, which begin with an apostrophe.
        self._pattern = re.compile(
            f" ?[{letter}]+|'(?:[stmd]|re|ve|ll)| ?[{number}]+| ?[{other}]+|[{space}]+(?![^{space}])|[{space}]+"
        )
        self._unseen = re.compile(f"[^{letter}{number}{space}{other}]")

    def _class_of(self, character: str) -> str:
        """Which class the tokenizer's pattern puts `character` in: the one of the neighbour it stays together with."""
        for neighbour, name in (("a", "letter"), ("1", "number"), ("!", "other")):
            if len(self._pre_tokenizer.pre_tokenize_str(neighbour + character)) == 1:
                return name
        return "space"


def _ranges(characters: list[str]) -> str:
    """`characters` as the inside of a character class."""
    codes = sorted(map(ord, characters))
    if not codes:
        return ""
    breaks = [place for place in range(1, len(codes)) if codes[place] != codes[place - 1] + 1]
    bounds = zip([0, *breaks], [*breaks, len(codes)], strict=True)
    return "".join(f"\\U{codes[low]:08x}-\\U{codes[high - 1]:08x}" for low, high in bounds)
