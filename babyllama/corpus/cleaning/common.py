"""Rules that several domains share: invisible characters, stray spaces, empty lines."""

from __future__ import annotations

import re

import numpy as np

from babyllama.corpus.cleaning.rules import Rule

_LINE_ENDS = "\x0b\x0c\x85\u2028\u2029"
_DROPPED = "\xad\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
_SPACES = "\x00-\x08\t\x0e-\x1f\x7f-\x84\x86-\xa0\u1680\u2000-\u200b\u202f\u205f-\u2064\u3000"
_dropped = re.compile(f"[{_DROPPED}]")
_invisible = re.compile(f"\r\n?|[{_LINE_ENDS}{_DROPPED}{_SPACES}]")


def _unusual(text: str) -> str:
    """All characters that are neither a line feed nor printable ASCII."""
    units = np.frombuffer(text.encode("utf-16-le", "replace"), "<u2")  # the quickest way to all characters
    return units[np.flatnonzero((units - np.uint16(32) > 94) & (units != 10))].tobytes().decode("utf-16-le")


def _visible(match: re.Match[str]) -> str:
    if match[0][0] == "\r" or match[0] in _LINE_ENDS:
        return "\n"
    return "" if _dropped.match(match[0]) else " "


def _made_visible(text: str) -> str:
    unusual = _unusual(text)
    if unusual.isprintable():
        return text
    if "\r" in unusual:
        text = text.replace("\r\n", "\n")
    # One replacement per kind of character: a text has few kinds, and looking for one takes next to no time.
    for character in set(unusual):
        match = _invisible.match(character)
        if match:
            text = text.replace(character, _visible(match))
    return text


INVISIBLE = Rule(
    "invisible characters",
    "line ends become \\n; control characters and exotic spaces become a space; soft hyphens and direction marks go",
    _invisible,
    _visible,
    across_lines=True,
    shortcut=_made_visible,
    once=True,
)


def _single_spaces(text: str) -> str:
    while "  " in text:
        text = text.replace("  ", " ")
    return text


SPACES = Rule(
    "repeated spaces",
    "several spaces become one",
    re.compile("  +"),
    " ",
    ("  ",),
    after="  ",
    shortcut=_single_spaces,
)
LINE_ENDS = Rule(
    "spaces at line ends",
    "spaces at the start or end of a line go",
    re.compile(" (?=\n)"),
    "",
    (" \n",),
    shortcut=lambda text: text.replace(" \n", "\n"),
)
LINE_STARTS = Rule(
    "spaces at line ends",
    "spaces at the start or end of a line go",
    re.compile("\n "),
    "\n",
    line_start=(" ",),
    after="\n ",
    shortcut=lambda text: text.replace("\n ", "\n"),
)
SPACE_BEFORE_PUNCTUATION = Rule(
    "space before punctuation",
    "`word .` becomes `word.`; an ellipsis keeps its space",
    re.compile(r""" (?=[,.!?;:](?:[\s"'’”]|\Z))"""),
    "",
    (" ,", " .", " !", " ?", " ;", " :"),
)
SPACE_BEFORE_APOSTROPHE = Rule(
    "space before apostrophe",
    "`John 's` becomes `John's`",
    re.compile(r" (?='(?:s|m|d|re|ve|ll)(?![\w'’-]))(?<=\w )"),
    "",
    (" '",),
)
SPACE_BEFORE_NT = Rule(
    "space before apostrophe",
    "`do n't` becomes `don't`",
    re.compile(r" (?=n't(?![\w'’-]))(?<=\w )"),
    "",
    (" n't",),
)
WORDLESS_LINES = Rule(
    "lines without a word",
    "a line that holds no letter or digit goes, for example what is left of `*CHI: [laughs].`",
    re.compile(r"\n[^\w\n]++(?=\n|\Z)"),
    line_start=(r"[^\w\n]", r"[^\w]"),
)
LINKS = Rule(
    "links",
    "web addresses go",
    re.compile(r"(?:https?://|www\.(?=\w))[^\s()<>]+(?<![.,;:!?])"),
    " ",
    ("http", "www."),
)

TIDY = (INVISIBLE, SPACES, LINE_ENDS, LINE_STARTS, SPACE_BEFORE_PUNCTUATION, SPACE_BEFORE_APOSTROPHE)
"""The end of every cleaner, and all of `default`."""
