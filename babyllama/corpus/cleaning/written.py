"""Cleaners of written text: encyclopedias and books."""

from __future__ import annotations

import re

from babyllama.corpus.cleaning.common import LINKS, SPACE_BEFORE_NT, SPACE_BEFORE_PUNCTUATION, TIDY, WORDLESS_LINES
from babyllama.corpus.cleaning.rules import Cleaner, Rule
from babyllama.corpus.cleaning.triggers import StartsWith

# ---------------------------------------------------------------------------------------------------------------------
# Wikipedia

_TAGS = (
    "b|big|blockquote|br|center|code|contributor|div|font|gallery|hr|i|includeonly|li|math|mapframe|noinclude|nowiki|ol"
    "|onlyinclude|p|poem|pre|ref|references|s|section|small|source|span|strike|sub|sup|syntaxhighlight|table|td|templatedata"
    "|templatestyles|th|timeline|timestamp|tr|tt|u|ul|username|var"
)
_ENTITIES = {"lt": "<", "gt": ">", "quot": '"', "apos": "'", "#39": "'", "nbsp": " ", "ndash": "–", "mdash": "—"}

HEADINGS = Rule(
    "heading marks",
    "`= = = Title = = =` and `== Title ==` become the line `Title`",
    re.compile(r"\n ?=(?: ?=){0,5} ?([^=\n]++)=(?: ?=){0,5} ?(?=\n|\Z)"),
    lambda match: "\n" + (match[1].removesuffix(" ") or " "),
    line_start=("[ =]",),
)


def _markup(opening: str, trigger: str) -> Rule:
    # One rule per opening, so that each search is for a fixed string.
    return Rule(
        "markup",
        "HTML and wiki tags go, also those spelled `&lt;br&gt;`",
        re.compile(rf"{opening}/?(?i:{_TAGS})\b[^<>&\n]*+(?:&(?:amp;)*gt;|>)"),
        " ",
        (trigger,),
    )


MARKUP = (_markup("<", "<"), _markup("&(?:amp;)*lt;", "&"))
ENTITIES = Rule(
    "entities",
    "`&amp;`, `&lt;`, `&nbsp;` ... become the character they stand for",
    re.compile(rf"&(?:amp;)*(?:({'|'.join(_ENTITIES)});|(?<=;))"),
    lambda match: _ENTITIES[match[1]] if match[1] else "&",
    ("&",),
)
CITATIONS = Rule(
    "citation marks",
    "`[2]`, `[note 3]`, `[citation needed]`, `[]` go; other brackets stay",
    re.compile(r"\[(?:\d{1,3}|note \d{1,3}|nb \d{1,3}|edit|citation needed|clarification needed|update)?\](?!\w)"),
    "",
    ("[",),
)
EMPTY_BRACKETS = Rule(
    "empty brackets",
    "`()`, `(; )` and the commas in `(, born 1970)`, left where a template stood, go",
    re.compile(r"\([ ,;:/–-]*+(?:\)(?!\w)|(?<=[,;:] )|(?<=[,;:]))"),
    lambda match: "" if match[0].endswith(")") else "(",
    (StartsWith("(", re.compile(r"\([ ,;:/)–-]")),),
)
COMMAS = Rule(
    "repeated commas",
    "`, , ,`, left where links stood, becomes one comma",
    re.compile(r",(?: ,)++"),
    ",",
    # Those of the rule on spaces before punctuation, which on the same line would make `,,` of what this one mends.
    SPACE_BEFORE_PUNCTUATION.triggers,
)
TABLES = Rule(
    "table cells",
    "rows of figures such as `62||23 79||27` go",
    re.compile(r"(?<![\d.,+–|-])[\d.,+–-]*+(?:\|\|[\d.,+–-]*+)++"),
    " ",
    ("|",),
)
WIKIPEDIA = Cleaner(
    "wikipedia",
    "encyclopedia articles: heading marks, markup, citation marks, what templates left behind",
    (HEADINGS, *MARKUP, ENTITIES, CITATIONS, EMPTY_BRACKETS, COMMAS, TABLES, *TIDY),
    frozenset({"heading marks"}),
)

# ---------------------------------------------------------------------------------------------------------------------
# Books

FILE_MARKS = Rule(
    "file marks",
    "`= = = PG1234 = = =`, `_BOOK_TITLE_ : name.txt.out` and `*** START OF ... ***` go",
    re.compile(r"\s?(?:= = = [^\s=]++ = = =|_BOOK_TITLE_ : \S++|\*\*\* ?(?:START|END) OF [^*\n]{0,200}\*\*\*)\s?"),
    "\n",
    ("= = = ", "_BOOK_TITLE_", "***"),
    across_lines=True,
)
INSERTS = Rule(
    "illustrations and notes",
    "`[Illustration: ...]`, `[Footnote 2: ...]`, `[Sidenote: ...]` and `[Transcriber's note: ...]` go",
    re.compile(r"\[(?:Illustration|Footnote|Sidenote|Transcriber)\b[^\[\]]{0,1500}\]"),
    " ",
    ("[Illustration", "[Footnote", "[Sidenote", "[Transcriber"),
    across_lines=True,
)
NOTE_MARKS = Rule(
    "note marks",
    "`[96]`, `[A]`, `{vi}` go",
    re.compile(r"\[(?:\d{1,4}|[A-Z])\](?!\w)|\{[ivxlc]{1,8}\}(?!\w)"),
    "",
    ("[", "{"),
)
EMPHASIS = Rule(
    "emphasis marks",
    "`_word_` becomes `word`; rules of underscores go",
    re.compile(r"(?<!\w)_++(?=[^\s_])([^_\n]++)(?<=\S)_++(?!\w)|__++"),
    lambda match: match[1] or " ",
    ("_",),
)
RULERS = Rule(
    "scene breaks",
    "`* * * * *` and long rows of dashes become a line break",
    re.compile(r"\*(?: ?\*){2,}+|-{8,}+"),
    "\n",
    ("* *", "***", "--------"),
)
PRODUCERS = Rule(
    "production credits",
    "`Produced by ... Proofreading Team at ...` goes",
    re.compile(r"Produced by [^\n]{0,250}?Proofread(?:ing|ers)(?: Canada)?(?: Team)?(?: at)?"),
    " ",
    ("Produced by",),
)
BOOKS = (FILE_MARKS, INSERTS, NOTE_MARKS, EMPHASIS, RULERS, PRODUCERS, LINKS)
GUTENBERG = Cleaner(
    "gutenberg",
    "books of Project Gutenberg: illustrations, note marks, emphasis marks, scene breaks, production credits",
    (*BOOKS, WORDLESS_LINES, *TIDY),
)
CHILDREN_STORIES = Cleaner("children_stories", "children's books: as gutenberg", GUTENBERG.rules)

# The Children's Book Test comes tokenised in the style of the Penn Treebank.
_BRACKETS = {"LRB": "(", "LSB": "[", "LCB": "{", "RRB": ")", "RSB": "]", "RCB": "}"}


def _bracket(pattern: str) -> Rule:
    return Rule(
        "treebank brackets",
        "`-LRB- word -RRB-` becomes `(word)`",
        re.compile(pattern),
        lambda match: _BRACKETS[match[0].strip(" -")],
        ("B-",),
    )


# One rule per first character, so that each search is for a fixed string.
TREEBANK_BRACKETS = (_bracket("-L[RSC]B- ?"), _bracket(" -R[RSC]B-"), _bracket("-R[RSC]B-"))


def _quote(pattern: str, mark: str, trigger: str | re.Pattern[str]) -> Rule:
    return Rule(
        "treebank quotes",
        "opening backticks and closing apostrophes become quotation marks beside their word",
        re.compile(pattern),
        mark,
        (trigger,),
    )


TREEBANK_QUOTES = (
    _quote("`` ?", '"', "``"),
    _quote(r" ''(?!\w)", '"', " ''"),
    _quote(r"\n''(?!\w)", '\n"', "\n''"),
    _quote(r"` ?(?=\S)", "'", "`"),
    _quote(r" '(?=\s|\Z)(?<=[.,!?;] ')", "'", " '"),
)
CBT = Cleaner(
    "cbt",
    "the Children's Book Test: treebank brackets and quotes, stray spaces, as gutenberg",
    (*TREEBANK_BRACKETS, *TREEBANK_QUOTES, *GUTENBERG.rules, SPACE_BEFORE_NT),
    frozenset({"treebank brackets", "treebank quotes", "space before punctuation", "space before apostrophe"}),
)
