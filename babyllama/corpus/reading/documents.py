"""The documents of prepared corpora, streamed.

A prepared text file separates its documents by a line `<|endoftext|>`; a file without that line is one
document. How a raw source falls into documents is the business of `babyllama.corpus.mixing.sources`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from babyllama.corpus.reading.decoding import line_blocks, records
from babyllama.corpus.reading.files import RECORD_SUFFIXES, plain_suffix

SEPARATOR = "<|endoftext|>"
"""The line between two documents of a corpus file."""

MAX_DOCUMENT = 1_000_000
"""Characters after which a document goes on as the next one, so that no file needs to fit in memory."""

# The literal comes first and the test for the line's start after it: so the search runs at the speed of
# memchr.
SEPARATOR_LINE = re.compile(r"<\|endoftext\|>(?<=^<\|endoftext\|>)[ \t]*\r?(?:\n|\Z)", re.MULTILINE)


def read_documents(paths: Sequence[str | Path], *, errors: str = "strict") -> Iterator[str]:
    """The documents of prepared corpus files, in order and in bounded memory.

    Text files are split at `<|endoftext|>` lines; the line break before such a line, and the last one of a
    file, belong to no document. `.jsonl` and `.parquet` files give one document per record of their column
    `text`. Empty documents are dropped. A document longer than `MAX_DOCUMENT` characters comes in consecutive
    pieces cut at line ends, which joined are the document.

    Raises `DataError` for a file that cannot be read; `errors="replace"` accepts broken UTF-8 and marks it by
    U+FFFD.
    """
    for path in map(Path, paths):
        if plain_suffix(path) in RECORD_SUFFIXES:
            for record in records(path, errors=errors):
                yield from _bounded(record)
        else:
            yield from _separated(path, errors)


def _separated(path: Path, errors: str) -> Iterator[str]:
    held: list[str] = []
    size = 0
    for block in line_blocks(path, errors):
        first, *others = SEPARATOR_LINE.split(block) if SEPARATOR in block else (block,)
        held.append(first)
        size += len(first)
        for text in others:
            yield from _bounded(_without_line_end("".join(held)))
            held, size = [text], len(text)
        if size > MAX_DOCUMENT:
            *ready, rest = bounded_pieces("".join(held))
            yield from ready
            held, size = [rest], len(rest)
    yield from _bounded(_without_line_end("".join(held)))


def _without_line_end(text: str) -> str:
    return text[: -2 if text.endswith("\r\n") else -1] if text.endswith("\n") else text


def _bounded(text: str) -> list[str]:
    return bounded_pieces(text) if text.strip() else []


def bounded_pieces(text: str) -> list[str]:
    """`text` cut to at most `MAX_DOCUMENT` characters a piece, at a line end, else a space, else anywhere."""
    pieces = []
    start = 0
    while len(text) - start > MAX_DOCUMENT:
        limit = start + MAX_DOCUMENT
        end = text.rfind("\n", start, limit) + 1 or text.rfind(" ", start, limit) + 1 or limit
        pieces.append(text[start:end])
        start = end
    return [*pieces, text[start:]]
