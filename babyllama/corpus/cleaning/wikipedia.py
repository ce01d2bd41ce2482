"""The cleaner of encyclopedia articles."""

from __future__ import annotations

import re

from babyllama.corpus.cleaning.cleaner import Cleaner
from babyllama.corpus.cleaning.common import EMPTY_LINES, INVISIBLE, SPACING
from babyllama.corpus.cleaning.rules import Rule

_TAGS = (
    "b|big|blockquote|br|center|code|contributor|div|doc|font|gallery|hr|i|includeonly|li|math|mapframe|noinclude|nowiki|ol"
    "|onlyinclude|p|poem|pre|ref|references|s|section|small|source|span|strike|sub|sup|syntaxhighlight|table|td|templatedata"
    "|templatestyles|th|timeline|timestamp|tr|tt|u|ul|username|var"
)
_ENTITIES = {"lt": "<", "gt": ">", "quot": '"', "apos": "'", "#39": "'", "nbsp": " ", "ndash": "–", "mdash": "—"}


def _closed(match: re.Match[str]) -> str:
    return match[0].strip()


HEADINGS = Rule(
    "heading marks",
    "`= = = Title = = =` and `== Title ==` become the line `Title`",
    r"\n ?=(?: ?=){0,5} ?([^=\n]++)=(?: ?=){0,5} ?(?=\n)",
    lambda match: "\n" + (match[1].removesuffix(" ") or " "),
    needs=("\n=", "\n "),
)
MARKUP = Rule(
    "markup",
    "HTML and wiki tags go, also those spelled `&lt;br&gt;`",
    rf"(?:<|&(?:amp;)*+lt;)/?(?i:{_TAGS})\b[^<>&\n]*+(?:&(?:amp;)*+gt;|>)",
    " ",
    needs=("<", "&"),
)
ENTITIES = Rule(
    "entities",
    "`&amp;`, `&lt;`, `&nbsp;` ... become the character they stand for",
    rf"&(?:amp;)*(?:({'|'.join(_ENTITIES)});|(?<=;))",
    lambda match: _ENTITIES[match[1]] if match[1] else "&",
    needs=("&",),
)
CITATIONS = Rule(
    "citation marks",
    "`[2]`, `[note 3]`, `[citation needed]`, `[]` go; other brackets stay",
    r"\[(?:\d{1,3}|note \d{1,3}|nb \d{1,3}|edit|citation needed|clarification needed|update)?\](?!\w)",
    needs=("[",),
)
EMPTY_BRACKETS = Rule(
    "empty brackets",
    "`()`, `(; )` and the commas in `(, born 1970)`, left where a template stood, go",
    r"\([ ,;:/–-]*+(?:\)(?!\w)|(?<=[,;:] )|(?<=[,;:]))",
    lambda match: "" if match[0].endswith(")") else "(",
    needs=("( ", "(,", "(;", "(:", "(/", "(–", "(-", "()"),
)
BRACKET_SPACES = Rule(
    "spaces in brackets",
    "`( or craft )` becomes `(or craft)`",
    r"\( (?=\w)| \)(?<=[\w.] \))",
    _closed,
    needs=("( ", " )"),
)
COMMAS = Rule(
    "repeated commas", "`, , ,`, left where links stood, becomes one comma", r",(?: ,)++", ",", needs=(", ,",)
)
TABLES = Rule(
    "table cells",
    "rows of figures such as `62||23 79||27` go",
    r"(?<![\d.,+–|-])[\d.,+–-]*+(?:\|\|[\d.,+–-]*+)++",
    " ",
    needs=("||",),
)
WIKIPEDIA = Cleaner(
    "wikipedia",
    "encyclopedia articles: heading marks, markup, citation marks, what templates left behind",
    (
        INVISIBLE,
        HEADINGS,
        MARKUP,
        ENTITIES,
        CITATIONS,
        EMPTY_BRACKETS,
        BRACKET_SPACES,
        COMMAS,
        TABLES,
        *SPACING,
        EMPTY_LINES,
    ),
)
