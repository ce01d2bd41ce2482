"""The documents of prepared corpora, streamed.

A prepared text file separates its documents by `<|endoftext|>`, on a line of its own or not; a file without it is one
document. How a raw source falls into documents is the business of `babyllama.corpus.mixing.sources`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from babyllama import console
from babyllama.corpus.reading.decoding import SEPARATOR, line_blocks, uncut_end
from babyllama.corpus.reading.files import RECORD_SUFFIXES, plain_suffix
from babyllama.corpus.reading.formats import Choice, format_of, formatted_documents
from babyllama.corpus.reading.records import records

MAX_DOCUMENT = 1_000_000
"""Characters after which a document goes on as the next one, so that no file needs to fit in memory."""

# Patterns start with a literal, which is searched at the speed of memchr.
_SEPARATOR = re.compile(re.escape(SEPARATOR) + r"[ \t]*(?:\r?\n)?")
_LINE_END = re.compile(r"[ \t]*(?:\r?\n)?")
_OTHER_SPELLING = re.compile(r"<[ ]?[/|]{0,2}[ ]?(?i:end[ _-]?of[ _-]?(?:text|document))[ ]?[/|]{0,2}[ ]?>")


def read_documents(paths: Sequence[str | Path], *, errors: str = "strict", column: str = "text") -> Iterator[str]:
    """The documents of prepared corpus files, in order and in bounded memory.

    Text files are split at `<|endoftext|>`; spaces beside it in its line, the line break before such a line and the one
    behind it, and the last one of a file, belong to no document. `.jsonl` and `.parquet` files give one document per record
    of their `column`; transcripts, subtitles, books and articles in the formats of `formats` give those. Empty documents are dropped. A document longer than `MAX_DOCUMENT` characters comes in
    consecutive pieces cut at line ends, which joined are the document.

    Raises `DataError` for a file that cannot be read; `errors="replace"` accepts broken UTF-8 and marks it by
    U+FFFD.
    """
    for path in map(Path, paths):
        if plain_suffix(path) in RECORD_SUFFIXES:
            texts = records(path, column, errors)
        elif kind := format_of(path):
            texts = formatted_documents(path, kind, errors, Choice())
        else:
            yield from _separated(path, errors)
            continue
        for whole in texts:
            for text in split_at_separators(whole):
                yield from _bounded(text)


def _separated(path: Path, errors: str) -> Iterator[str]:
    held: list[str] = []
    size = 0
    line_open = False
    for block in line_blocks(path, errors):
        if line_open and (gap := _LINE_END.match(block)):
            # What stands behind a separator in its line came with the next block.
            line_open = gap.end() == len(block) and not block.endswith("\n")
            block = block[gap.end() :]
        first, *others = _SEPARATOR.split(block) if SEPARATOR in block else (block,)
        held.append(first)
        size += len(first)
        for text in others:
            yield from _bounded(before_separator("".join(held)))
            held, size = [text], len(text)
        if others:
            line_open = not size and not block.endswith("\n")
        if size > MAX_DOCUMENT:
            *ready, rest = bounded_pieces("".join(held))
            yield from ready
            held, size = [rest], len(rest)
    yield from _bounded(_without_line_end("".join(held)))


def before_separator(text: str) -> str:
    """`text` without what belongs to the separator behind it: spaces in the same line, or the line break before it."""
    return _without_line_end(text if text.endswith("\n") else text.rstrip(" \t"))


def _without_line_end(text: str) -> str:
    return text[: -2 if text.endswith("\r\n") else -1] if text.endswith("\n") else text


def split_at_separators(text: str) -> list[str]:
    """The documents in a text that may hold separators."""
    *others, last = _SEPARATOR.split(text) if SEPARATOR in text else [text]
    return [*map(before_separator, others), last]


class OtherSpellings:
    """Counts what looks like a separator spelled otherwise, which separates nothing."""

    def __init__(self) -> None:
        self._count = 0
        self._example = ""

    def look(self, text: str) -> str:
        """Count what `text` holds and give it back."""
        if "<" in text and (found := _OTHER_SPELLING.findall(text)):
            self._count += len(found)
            self._example = self._example or found[0]
        return text

    def warn(self, where: str) -> None:
        """One warning with the number and an example, if there were any."""
        if self._count:
            console.warn(
                f"{where} holds {self._example!r} or the like {self._count:,} times, which separates nothing: only {SEPARATOR} "
                "does. Replace it if a document ends there."
            )


def _bounded(text: str) -> list[str]:
    return bounded_pieces(text) if text.strip() else []


def bounded_pieces(text: str) -> list[str]:
    """`text` cut to at most `MAX_DOCUMENT` characters a piece, at a line end, else a space, else anywhere."""
    pieces = []
    start = 0
    while len(text) - start > MAX_DOCUMENT:
        limit = start + MAX_DOCUMENT
        end = text.rfind("\n", start, limit) + 1 or text.rfind(" ", start, limit) + 1
        end = end or uncut_end(text, limit)
        pieces.append(text[start:end])
        start = end
    return [*pieces, text[start:]]
