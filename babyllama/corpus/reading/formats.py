"""Files that are no plain text, known by their suffix or their first lines, each with its documents.

| format | known by | a document is |
|---|---|---|
| CHAT | `.cha`, or `@UTF8` / `@Begin` at the start | a transcript |
| SubRip, WebVTT | `.srt`, `.vtt`, or a first cue / `WEBVTT` at the start | a file |
| Project Gutenberg | `*** START OF ... PROJECT GUTENBERG EBOOK` within the first pages | a book: the text between its marks |
| WikiExtractor | `<doc id=` at the start | an article, from `<doc>` to `</doc>` |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from babyllama.corpus.reading.chat import Speakers, utterances
from babyllama.corpus.reading.decoding import byte_blocks, line_blocks
from babyllama.corpus.reading.files import TEXT_SUFFIXES, plain_suffix
from babyllama.corpus.reading.subtitles import srt_text, vtt_text
from babyllama.errors import DataError

DOMAINS = {".cha": "childes", ".srt": "subtitles", ".vtt": "subtitles"}
"""The domain of a file whose suffix tells its format."""

_LOOKED_AT = 20_000
"""Characters by which a text file's format is judged."""
_LARGEST = 64 << 20
"""Characters of a subtitle file or of one article; they are held whole."""

_STARTS = (
    ("chat", re.compile(r"(?:@Font:[^\n]*\n|@PID:[^\n]*\n)*@(?:UTF8|Begin)\s*\n")),
    ("vtt", re.compile(r"WEBVTT(?:[ \t][^\n]*)?\n")),
    (
        "srt",
        re.compile(r"\s*(?:\d+[ \t]*\n)?\d{1,2}:\d{2}:\d{2}[.,]\d{1,3}[ \t]*-->[ \t]*\d{1,2}:\d{2}:\d{2}[.,]\d{1,3}"),
    ),
    ("wikiextractor", re.compile(r"\s*<doc id=\"")),
)
_BOOK_START = re.compile(r"\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG E(?:BOOK|TEXT)[^\n]*")
_BOOK_END = re.compile(
    r"(?:\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG E(?:BOOK|TEXT)|End of (?:the |this )?Project Gutenberg)"
)
_CREDITS = re.compile(
    r"(?:Produced|Transcribed|E-?text prepared|This e-?(?:book|text) was (?:produced|prepared)) (?:by|from)", re.I
)
_ARTICLE = re.compile(r"<doc id=[^\n>]*>[ \t]*\n?")


@dataclass(frozen=True)
class Choice:
    """What is taken of a file in such a format."""

    speakers: Speakers = "all"
    labels: bool = False
    """Whether each utterance has its speaker in front, as `*CHI:`."""
    titles: bool = True
    """Whether an article begins with its title."""


def format_of(path: Path) -> str | None:
    """The format's name; None for plain text and for records."""
    suffix = plain_suffix(path)
    if suffix in DOMAINS:
        return {".cha": "chat"}.get(suffix, suffix[1:])
    if suffix and suffix not in TEXT_SUFFIXES:
        return None
    start = next(byte_blocks(path), b"")[:_LOOKED_AT].decode("utf-8", "replace").removeprefix("\ufeff")
    start = start.replace("\r\n", "\n")
    for name, pattern in _STARTS:
        if pattern.match(start):
            return name
    return "gutenberg" if "PROJECT GUTENBERG" in start and _BOOK_START.search(start) else None


def formatted_documents(path: Path, kind: str, errors: str, choice: Choice) -> Iterator[str]:
    """The documents of a file of the format `kind`, each whole."""
    lines = _lines(path, errors)
    if kind == "chat":
        said = utterances(lines, choice.speakers)
        yield "\n".join(f"*{code}:\t{words}" if choice.labels else words for code, words in said)
    elif kind == "gutenberg":
        yield from _books(lines)
    elif kind == "wikiextractor":
        yield from _articles(lines, path, choice.titles)
    else:
        text = _whole(lines, path)
        yield srt_text(text, path) if kind == "srt" else vtt_text(text, path)


def _lines(path: Path, errors: str) -> Iterator[str]:
    """Lines without their ends."""
    rest = ""
    for block in line_blocks(path, errors):
        *lines, rest = (rest + block).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        yield from lines
    if rest:
        yield rest


def _whole(lines: Iterable[str], path: Path) -> str:
    held: list[str] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line) + 1
        if size > _LARGEST:
            raise DataError(
                f"{path} holds more than {_LARGEST >> 20} MB in one piece, which is no subtitle file or article."
            )
    return "\n".join(held) + "\n"


def _books(lines: Iterable[str]) -> Iterator[str]:
    """What stands between the marks of each book, whole."""
    book: list[str] | None = None
    for line in lines:
        if _BOOK_START.match(line):
            book = []
        elif book is not None and _BOOK_END.match(line):
            yield _without_credits(book)
            book = None
        elif book is not None:
            book.append(line)
    if book:
        yield _without_credits(book)


def _without_credits(book: list[str]) -> str:
    """A book's text without the paragraph in front that names its typists."""
    text = "\n".join(book).strip("\n")
    first, _, rest = text.partition("\n\n")
    return rest.strip("\n") if _CREDITS.match(first) else text


def _articles(lines: Iterable[str], path: Path, titles: bool) -> Iterator[str]:
    article: list[str] = []
    for line in lines:
        if _ARTICLE.match(line):
            article = []
        elif line.startswith("</doc>"):
            # WikiExtractor writes the title, then an empty line.
            yield _whole(article if titles else article[1:], path).strip("\n")
            article = []
        else:
            article.append(line)
    if any(line.strip() for line in article):
        raise DataError(
            f"{path} ends inside an article (no </doc> behind the last one): it is cut short. Copy it again."
        )
