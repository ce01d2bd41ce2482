"""Units of mixing: a document, or consecutive pieces of one that is longer than `mixing.max_unit`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from babyllama.corpus.mixing.editing import Edits
from babyllama.corpus.mixing.sources import Source
from babyllama.corpus.reading.documents import OtherSpellings


class Unit(NamedTuple):
    """Cleaned text as UTF-8, with its place in its source."""

    data: bytes
    document: int
    """Number of the document in its source, counted over repetitions of the source."""
    piece: int
    """Number of the piece in its document; above 0 it continues the document."""
    gap: bytes
    """White space that stood between the piece before and this one."""
    size: int
    """Amount in the unit that shares are counted in: bytes, words or tokens."""


@dataclass
class Reading:
    """What was read of a source while units were drawn from it."""

    characters: int = 0
    kept: int = 0
    """Characters left after cleaning."""
    duplicates: int = 0
    """Units that deduplication left out."""
    edits: Edits = field(default_factory=Edits)
    """What was left out and replaced."""
    spellings: OtherSpellings = field(default_factory=OtherSpellings)
    """Separators spelled otherwise."""


def units_of(
    source: Source,
    *,
    cleaned: bool,
    keep_speakers: bool,
    max_unit: int,
    size: Callable[[bytes], int],
    edit: Callable[[str], str] | None = None,
    is_duplicate: Callable[[bytes], bool] | None,
    reading: Reading,
    first_document: int = 0,
) -> Iterator[Unit]:
    """The units of `source` in file order, streamed; `reading` is kept up to date."""
    document, piece, continues = first_document - 1, 0, True
    raw = ((part, part.text.strip()) for part in source.parts(labels=keep_speakers))
    for part, text in source.cleaned_parts(keep_speakers) if cleaned else raw:
        reading.characters += len(part.text)
        reading.kept += len(text)
        reading.spellings.look(part.text)
        continues = continues and part.continues
        if edit is not None:
            text = edit(text)
        if not text:
            continue
        if not continues or document < first_document:
            document, piece = document + 1, 0
        continues = True
        for data, gap in cut(text.encode(), max_unit):
            if is_duplicate and is_duplicate(data):
                reading.duplicates += 1
            else:
                yield Unit(data, document, piece, gap or b"\n", size(data))
            piece += 1


def cut(data: bytes, max_unit: int) -> Iterable[tuple[bytes, bytes]]:
    """Consecutive pieces of at most `max_unit` bytes, each with the white space that stood before it.

    A cut falls at the last line end that fits, else after a sentence, else at a space, else between two characters.
    Pieces and their white space joined are `data`, which must not start or end with white space.
    """
    if len(data) <= max_unit:
        return [(data, b"")]
    pieces = []
    start, gap = 0, b""
    while len(data) - start > max_unit:
        window = data[start : start + max_unit + 1]
        end = window.rfind(b"\n")
        if end <= 0:
            end = max(window.rfind(mark, 0, max_unit) + 1 for mark in (b". ", b"! ", b"? ")) or window.rfind(b" ")
        if end <= 0:
            end = max_unit
            while end > 1 and window[end] & 0xC0 == 0x80:
                end -= 1
        piece = window[:end].rstrip()
        rest = _NEXT.match(data, start + len(piece))
        following = rest.end() if rest else start + end
        pieces.append((piece, gap))
        start, gap = following, data[start + len(piece) : following]
    return [*pieces, (data[start:], gap)]


_NEXT = re.compile(rb"\s*")


# ---------------------------------------------------------------------------------------------------------------------
# Counting, by numpy over whole blocks

_OTHER_SPACES = re.compile("[\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
_CLOSES = np.array([byte in b"\"')]" for byte in range(256)], dtype=np.int64)
_CURLY = [tuple(mark.encode()) for mark in "”’"]
_PADDING = b"    "


def count_text(data: bytes) -> tuple[int, int]:
    """Words and sentences of a text, many times faster than in Python.

    Words are strings between white space, as `len(text.split())` counts them. A sentence ends with `.`, `!` or `?`,
    perhaps with a closing quote or bracket behind it, before white space or the end.
    """
    if not data.isascii():
        characters = np.frombuffer(data, np.uint8)
        unusual = characters[np.flatnonzero(characters > 127)].tobytes().decode()
        for space in set(_OTHER_SPACES.findall(unusual)):
            data = data.replace(space.encode(), b" ")
    characters = np.frombuffer(b" " + data + _PADDING, np.uint8)
    spaces = (characters - np.uint8(9) < 5) | (characters - np.uint8(28) < 5)
    words = np.count_nonzero(spaces[:-1] & ~spaces[1:])
    ends = np.flatnonzero((characters == ord(".")) | (characters == ord("!")) | (characters == ord("?")))
    before_space = spaces[ends + 1]
    others = ends[~before_space]
    closed = _CLOSES[characters[others + 1]]
    for first, second, third in _CURLY:
        closed[
            (characters[others + 1] == first) & (characters[others + 2] == second) & (characters[others + 3] == third)
        ] = 3
    sentences = np.count_nonzero(before_space) + np.count_nonzero(spaces[others + 1 + closed])
    return int(words), int(sentences)


def count_words(data: bytes) -> int:
    """Strings between white space."""
    return count_text(data)[0]


# ---------------------------------------------------------------------------------------------------------------------
# The last unit of an exact share


def exact_bytes(data: bytes, amount: int) -> tuple[bytes, int] | None:
    """The first `amount` bytes and how well they end: 2 at a sentence end, 1 at a word end, 0 inside a word.

    None when they would cut a character in two, or end with white space.
    """
    head, following = data[:amount], data[amount : amount + 1]
    if (following and following[0] & 0xC0 == 0x80) or head[-1:].isspace():
        return None
    if following and not following.isspace():
        return head, 0
    return head, 2 if head.rstrip(b"\"')]")[-1:] in (b".", b"!", b"?") or not following else 1


def exact_words(data: bytes, amount: int) -> tuple[bytes, int] | None:
    """The first `amount` words, in the form of `exact_bytes`; None when there are fewer."""
    ends = [match.end() for match in re.finditer(rb"\S+", data)]
    if len(ends) < amount:
        return None
    return exact_bytes(data, ends[amount - 1])
