"""The cleaners of books: Project Gutenberg, and the Children's Book Test, which is tokenised as the Penn Treebank is."""

from __future__ import annotations

from babyllama.corpus.cleaning.cleaner import Cleaner
from babyllama.corpus.cleaning.common import (
    EMPTY_LINES,
    INVISIBLE,
    LINKS,
    SPACE_BEFORE_NT,
    SPACING,
    WORDLESS_LINES,
)
from babyllama.corpus.cleaning.rules import Rule

FILE_MARKS = Rule(
    "file marks",
    "`= = = PG1234 = = =`, `_BOOK_TITLE_ : name.txt.out` and `*** START OF ... ***` go",
    r"\s?(?:= = = [^\s=]++ = = =|_BOOK_TITLE_ : \S++|\*\*\* ?(?:START|END) OF [^*\n]{0,200}\*\*\*)\s?",
    "\n",
    needs=("= = = ", "_BOOK_TITLE_", "***"),
    across_lines=True,
)
INSERTS = Rule(
    "illustrations and notes",
    "`[Illustration: ...]`, `[Footnote 2: ...]`, `[Sidenote: ...]` and `[Transcriber's note: ...]` go",
    r"\[(?:Illustration|Footnote|Sidenote|Transcriber)\b[^\[\]]{0,1500}\]",
    " ",
    needs=("[Illustration", "[Footnote", "[Sidenote", "[Transcriber"),
    across_lines=True,
)
NOTE_MARKS = Rule(
    "note marks", "`[96]`, `[A]`, `{vi}` go", r"\[(?:\d{1,4}|[A-Z])\](?!\w)|\{[ivxlc]{1,8}\}(?!\w)", needs=("[", "{")
)
EMPHASIS = Rule(
    "emphasis marks",
    "`_word_` becomes `word`; rules of underscores go",
    r"_(?<!\w_)_*+(?=[^\s_])([^_\n]++)(?<=\S)_++(?!\w)|__++",
    lambda match: match[1] or " ",
    needs=("_",),
)
RULERS = Rule(
    "scene breaks",
    "`* * * * *` and long rows of dashes become a line break",
    r"\*(?: ?\*){2,}+|-{8,}+",
    "\n",
    needs=("* *", "***", "--------"),
)
_PRODUCED = r"by (?:[^\n]|\n(?!\n)){0,250}?Proofread(?:ing|ers)(?:\s(?:Canada|Team|at)\b)*+"
PRODUCERS = Rule(
    "production credits",
    "`Produced by ... Proofreading Team at ...` and `End of Project Gutenberg's ...` go",
    # Each alternative begins with a letter of its own, so that `re` looks at these letters only.
    rf"Produced {_PRODUCED}|E-text prepared {_PRODUCED}"
    r"|End of (?:the )?Project Gutenberg(?:['’]s| EBook of)[^\n]{0,200}(?:(?<=[A-Z]\.)\n[A-Z]\w++(?=\n))?",
    " ",
    needs=("Produced by", "E-text prepared by", "Project Gutenberg"),
    across_lines=True,
)
_BOOKS = (
    INVISIBLE,
    FILE_MARKS,
    INSERTS,
    PRODUCERS,
    NOTE_MARKS,
    EMPHASIS,
    RULERS,
    LINKS,
    WORDLESS_LINES,
    *SPACING,
    EMPTY_LINES,
)
GUTENBERG = Cleaner(
    "gutenberg",
    "books of Project Gutenberg: illustrations, note marks, emphasis marks, scene breaks, production credits",
    _BOOKS,
)
CHILDREN_STORIES = Cleaner("children_stories", "children's books: as gutenberg", GUTENBERG.rules)

_BRACKETS = {"LRB": "(", "LSB": "[", "LCB": "{", "RRB": ")", "RSB": "]", "RCB": "}"}
TREEBANK_BRACKETS = Rule(
    "treebank brackets",
    "`-LRB- word -RRB-` becomes `(word)`",
    "-L[RSC]B- ?| ?-R[RSC]B-",
    lambda match: _BRACKETS[match[0].strip(" -")],
    needs=("B-",),
)
TREEBANK_QUOTES = (
    Rule(
        "treebank quotes",
        "opening backticks and closing apostrophes become quotation marks beside their word",
        r"`` ?|(?<=\n)''(?!\w)| ''(?!\w)",
        '"',
        needs=("``", "''"),
    ),
    Rule(
        "treebank quotes",
        "opening backticks and closing apostrophes become quotation marks beside their word",
        r"` ?(?=\S)| '(?=\s)(?<=[.,!?;] ')",
        "'",
        needs=("`", " '"),
    ),
)
CBT = Cleaner(
    "cbt",
    "the Children's Book Test: treebank brackets and quotes, stray spaces, as gutenberg",
    (
        INVISIBLE,
        *_BOOKS[1:4],
        TREEBANK_BRACKETS,
        *TREEBANK_QUOTES,
        *_BOOKS[4:-1],
        SPACE_BEFORE_NT,
        EMPTY_LINES,
    ),
)
