"""Rules that several domains share: invisible characters, stray spaces, empty lines."""

from __future__ import annotations

import dataclasses
import re

from babyllama.corpus.cleaning.cleaner import Cleaner
from babyllama.corpus.cleaning.rules import Rule

_LINE_ENDS = "\x0b\x0c\x85\u2028\u2029"
_DROPPED = "\xad\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
_SPACES = "\x00-\x08\t\x0e-\x1f\x7f-\x84\x86-\xa0\u1680\u2000-\u200b\u202f\u205f-\u2064\u3000"


def _visible(match: re.Match[str]) -> str:
    if match[0][0] == "\r" or match[0] in _LINE_ENDS:
        return "\n"
    return "" if _dropped.match(match[0]) else " "


_dropped = re.compile(f"[{_DROPPED}]")
INVISIBLE = Rule(
    "invisible characters",
    "line ends become \\n; control characters and exotic spaces become a space; soft hyphens and direction marks go",
    f"[\r{_LINE_ENDS}{_DROPPED}{_SPACES}](?:(?<=\r)\n)?",
    _visible,
    across_lines=True,
    characters=True,
)
SPACES = Rule("repeated spaces", "several spaces become one", "  +", " ", needs=("  ",))
LINE_ENDS = Rule("spaces at line ends", "spaces at the start or end of a line go", " (?=\n)", needs=(" \n",))
LINE_STARTS = Rule("spaces at line ends", "spaces at the start or end of a line go", "\n +", "\n", needs=("\n ",))
SPACE_BEFORE_PUNCTUATION = Rule(
    "space before punctuation",
    "`word .` becomes `word.`; an ellipsis keeps its space",
    r""" (?=[,.!?;:][\s"'’”])""",
    needs=(" ,", " .", " !", " ?", " ;", " :"),
)
SPACE_BEFORE_APOSTROPHE = Rule(
    "space before apostrophe",
    "`John 's` becomes `John's`",
    r" (?='(?:s|m|d|re|ve|ll)(?![\w'’-]))(?<=\w )",
    needs=(" '",),
)
SPACE_BEFORE_NT = Rule(
    "space before apostrophe", "`do n't` becomes `don't`", r" (?=n't(?![\w'’-]))(?<=\w )", needs=(" n't",)
)
WORDLESS_LINES = Rule(
    "lines without a word",
    "a line that holds no letter or digit goes, for example what is left of `*CHI: [laughs].`",
    r"\n[^\w\n]++(?=\n)",
    needs=tuple(f"\n{character}" for character in map(chr, range(256)) if not re.match(r"[\w\n]", character)),
)
STRAY_COMMAS = Rule(
    "stray punctuation",
    "what a word that went leaves behind: `,.` becomes `.`, `,...` an ellipsis, `,,` one comma, a line does not begin with a comma",
    r",{2,}|,(?=[.?!])",
    lambda match: "," if len(match[0]) > 1 else "",
    needs=(",,", ",.", ",?", ",!"),
)
STRAY_STARTS = Rule(
    STRAY_COMMAS.name,
    STRAY_COMMAS.what,
    r"\n(?:(?:[,;:!?]|\.(?![.\d])) ?)++(?=\S)",
    "\n",
    needs=("\n,", "\n;", "\n:", "\n!", "\n?", "\n."),
)
STRAY_STOPS = Rule(
    STRAY_COMMAS.name,
    "a full stop behind `?`, `!` or another one goes: `Who? .` becomes `Who?`",
    r" \.(?:(?<=[?!] \.)(?![.\w])|(?<=\w\. \.)(?!\S)(?! ?\.))",
    needs=(" .",),
)
PAUSES = Rule(
    "pauses written twice",
    "an ellipsis at the end of a subtitle and at the start of the next is one: `so... ..we` becomes `so... we`",
    r"\.(?<!\.\.)(\.{1,2}+) (?:\.{2,3}(?!\.) ?)++",
    lambda match: f".{match[1]} ",
    needs=(". .",),
)
EMPTY_LINES = Rule(
    "empty lines", "several empty lines become one", "\n\n\n+", "\n\n", needs=("\n\n\n",), across_lines=True
)
LINKS = Rule(
    "links",
    "web addresses go",
    r"(?:https?://|www\.(?=\w))[^\s()<>]+(?<![.,;:!?])",
    " ",
    needs=("://", "www."),
)

SPACING = (SPACES, LINE_ENDS, LINE_STARTS, SPACE_BEFORE_PUNCTUATION, SPACE_BEFORE_APOSTROPHE)
"""With `INVISIBLE` before and `EMPTY_LINES` behind them the rules of every cleaner, and all of `default`."""


def on_the_whole(rule: Rule) -> Rule:
    """`rule` for a domain where it concerns most lines, so that going to each of them would cost more than it saves."""
    return dataclasses.replace(rule, needs=(), across_lines=True)


DEFAULT = Cleaner(
    "default", "any text: invisible characters, stray spaces, empty lines", (INVISIBLE, *SPACING, EMPTY_LINES)
)
NONE = Cleaner("none", "white space at the ends, nothing else", ())
