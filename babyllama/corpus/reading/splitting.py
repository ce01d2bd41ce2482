"""Where a raw text file falls into documents.

| source | a document is |
|---|---|
| any file with `<|endoftext|>` | what stands between two of them |
| `wikipedia`, `simple_wikipedia`, `simple_wiki` | an article: from its title line `= = = Title = = =` to the next |
| transcripts, subtitles, books and all others | a passage between blank lines, or between file marks: `= = = id = = =`, `_BOOK_TITLE_ : name` |

A transcript without any mark is one long conversation; mixing cuts it at line ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from babyllama.corpus.reading.decoding import line_blocks, uncut_end
from babyllama.corpus.reading.documents import MAX_DOCUMENT, SEPARATOR, bounded_pieces, split_at_separators

ARTICLE_DOMAINS = frozenset({"wikipedia", "simple_wikipedia", "simple_wiki"})

# Each pattern starts with a literal, which the regular expression engine finds at the speed of memchr.
_SEPARATORS = re.compile(rf"(?:\n{re.escape(SEPARATOR)}|{re.escape(SEPARATOR)})[ \t]*")
_PASSAGES = re.compile(r"\n[ \t\n]*\n")
_FILE_MARKS = {"= = = ": re.compile(r"= = = [^\s=]+ = = ="), "_BOOK_TITLE_": re.compile(r"_BOOK_TITLE_ : \S+")}
_ARTICLES = re.compile(r"\n(?:[ \t\n]*\n|(?== = = [^\n]* = = =[ \t]*$))", re.MULTILINE)
# Wikitext dumps give the article's title one mark, and keep blank lines between paragraphs.
_WIKITEXT_ARTICLES = re.compile(r"\n(?= ?= [^=\n]+ = ?$)", re.MULTILINE)


class Part(NamedTuple):
    """A document, or the next part of one too long to be held at once."""

    text: str
    domain: str
    continues: bool
    """Whether this goes on the document of the part before it."""


def split_file(path: Path, domain: str, errors: str = "strict") -> Iterator[Part]:
    """The documents of one raw text file, streamed; a document above a million characters comes in several parts."""
    pattern: re.Pattern[str] | None = None
    rest, continues = "\n", False
    blocks = line_blocks(path, errors)
    # As much at a time as is left over, so that a long document is not searched from its start block after block.
    while block := _take(blocks, max(len(rest), 1) if pattern else MAX_DOCUMENT):
        if "\r" in block:
            block = block.replace("\r\n", "\n").replace("\r", "\n")
        pattern = pattern or _pattern(domain, block)
        *documents, rest = _split(rest + block, pattern)
        for text in documents:
            if text.strip():
                yield Part(text, domain, continues)
            continues = False
        while len(rest) > MAX_DOCUMENT:
            cut = rest.rfind("\n", 1, MAX_DOCUMENT) + 1 or rest.rfind(" ", 1, MAX_DOCUMENT) + 1
            cut = cut or uncut_end(rest, MAX_DOCUMENT)
            yield Part(rest[:cut], domain, continues)
            # The line end stays in front, so that a mark at the start of the next line is seen as one.
            rest, continues = rest[cut - 1 if rest[cut - 1] == "\n" else cut :], True
    if rest.strip():
        yield Part(rest, domain, continues)


def _take(blocks: Iterator[str], size: int) -> str:
    """Blocks of at least `size` characters together, or the last ones."""
    taken = []
    while size > 0 and (block := next(blocks, "")):
        taken.append(block)
        size -= len(block)
    return "".join(taken)


def _pattern(domain: str, start: str) -> re.Pattern[str]:
    """How to split a file, judged by its first million characters."""
    if SEPARATOR in start:
        return _SEPARATORS
    if domain in ARTICLE_DOMAINS:
        return _WIKITEXT_ARTICLES if _WIKITEXT_ARTICLES.search("\n" + start) else _ARTICLES
    return _PASSAGES


def _split(text: str, pattern: re.Pattern[str]) -> list[str]:
    documents = pattern.split(text)
    if pattern is _PASSAGES:
        for mark, marks in _FILE_MARKS.items():
            if mark[0] in text and mark in text:  # one character is looked up many times faster than several
                documents = [part for document in documents for part in marks.split(document)]
    return documents


def split_record(text: str, domain: str) -> Iterator[Part]:
    """One record as a document; a separator inside it, which a corpus file could not hold, splits it."""
    for whole in split_at_separators(text):
        if whole.strip():
            for number, piece in enumerate(bounded_pieces(whole)):
                yield Part(piece, domain, number > 0)
