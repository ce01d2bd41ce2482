"""The cleaners of transcribed speech: CHILDES, Switchboard, the spoken BNC."""

from __future__ import annotations

from babyllama.corpus.cleaning.cleaner import Cleaner
from babyllama.corpus.cleaning.common import (
    EMPTY_LINES,
    INVISIBLE,
    SPACE_BEFORE_NT,
    SPACE_BEFORE_PUNCTUATION,
    SPACING,
    STRAY_COMMAS,
    STRAY_STARTS,
    WORDLESS_LINES,
    on_the_whole,
)
from babyllama.corpus.cleaning.rules import Rule

LABELS = Rule(
    "speaker labels",
    "`*CHI:`, `A:`, `SPEAKER_2:` at the start of a line go; a `*CHI:` inside a line starts a new one",
    r"\n\*?[A-Z][A-Z0-9_]{0,11}:[ \t]*+",
    "\n",
    speech=True,
    across_lines=True,  # most lines have one
)
INNER_LABELS = Rule(
    "speaker labels",
    "`*CHI:`, `A:`, `SPEAKER_2:` at the start of a line go; a `*CHI:` inside a line starts a new one",
    r" \*[A-Z][A-Z0-9]{0,6}: ?",
    "\n",
    needs=(" *",),
    speech=True,
)
CHAT_FILES = Rule(
    "file marks",
    "CHAT's header lines (`@Begin`, `@ID: ...`) and `= = = childes/.../020030a.cha = = =` go",
    r"\s?(?:= = = [^\s=]++ = = =|(?:= = = )?+childes/[^=\n]{1,200}?\.cha(?: = = =)?+)\s?",
    "\n",
    needs=("= = = ", "childes/"),
    across_lines=True,
)
CHAT_HEADERS = Rule(
    "file marks",
    "CHAT's header lines (`@Begin`, `@ID: ...`) and `= = = childes/.../020030a.cha = = =` go",
    r"\n@[A-Z][^\n]*+",
    needs=("\n@",),
)
BRACKETS = Rule(
    "annotations",
    "`[giggles]`, `[jack+in+the+box]` go",
    r"\[[^\[\]\n]{0,400}\]",
    " ",
    needs=("[",),
    speech=True,
)
ANNOTATIONS = Rule(
    "other annotations",
    "`<laughter>`, `child_talking` go",
    r"<[A-Za-z_ ]{1,30}>|child_talking(?<!\w.{13})(?!\w)",
    " ",
    needs=("<", "child_talking"),
    speech=True,
)
SCOPES = Rule(
    "scopes and pauses",
    "CHAT's `<I want> [//]` becomes `I want`; pauses `(.)`, times `10230_12875`, the `@c` of `gumma@c` and a lone `0` go",
    r"<([^<>\n]*+)>|\(\.{1,3}\)|(?<![\w.])\d++_\d++(?!\w)|@(?<=\w@)[a-z:]{1,6}(?!\w)|\n0 ?[.?!]?(?=\n)",
    lambda match: match[1] or ("" if match[0][0] == "@" else "\n" if match[0][0] == "\n" else " "),
    needs=("<", "(.", "_", "@", "\n0"),
    speech=True,
)
TIERS = Rule(
    "dependent tiers",
    "`%add: MOT`, `%int: high pitched` go, up to the end of the line or the next `*CHI:`",
    r"%[a-z]{3}:(?:(?! \*[A-Z])[^\n])*+",
    needs=("%",),
    speech=True,
)
UNINTELLIGIBLE = Rule(
    "unintelligible speech",
    "`xxx`, `yyy`, `www`, `(( ))` and babble such as `&ma` go",
    r"(?:xxx|yyy|www)(?<![\w&]...)(?!\w)|&(?<!\S&)[-=~+]?\w++|\(\( *+\)\)",
    " ",
    needs=("xxx", "yyy", "www", "&", "(("),
    speech=True,
)
TRANSCRIBER = Rule(
    "transcriber's notes",
    "`*listen; mistranscribed 'uh-uh'` up to the end of the line goes",
    r"\*(?<!\S\*) ?(?=[\w'\"])[^\n]*+",
    needs=("*",),
    speech=True,
)
NAMES = Rule(
    "withheld names",
    "`Dwww` and `Dxxx`, names of which only the initial is told, become `D`",
    r"(?:www|xxx)(?<=[A-Z]...)(?<![\w&]....)(?!\w)",
    needs=("www", "xxx"),
    speech=True,
)
WORD_MARKS = Rule(
    "marks in words",
    "`jack+in+the+box` and `ni'_night` become words, `don('t)` becomes `don't`, `hel:lo` becomes `hello`, `-um` becomes `um`",
    r"[+_](?<=[\w'][+_])(?=\w)|\((?<=\w\()([\w']{1,20})\)|\(([\w']{1,20})\)(?=\w)|:(?<=[a-z]:)(?=[a-z])|-(?<!\S-)(?=[a-z])",
    lambda match: " " if match[0] in "+_" else match[1] or match[2] or "",
    needs=("+", "_", "(", ":", " -", "\n-"),
)
ELLIPSES = Rule(
    "spaces before ellipses",
    "`to the ...`, as an annotation leaves it, becomes `to the...`",
    r" (?=\.\.\.(?!\.))",
    needs=(" ...",),
)
CHAT_ENDS = Rule(
    "utterance marks",
    "CHAT's `+/.`, `+//.`, `+,`, `↫`, `↑`, `↓` and `⌈⌉⌊⌋` go, `+...` becomes `...`",
    r"\+\.\.\.|\+(?:\"/\.|//?[.?]|[,<^\"])(?=\s)|[↫⌈⌉⌊⌋↑↓]",
    lambda match: "..." if match[0] == "+..." else " " if match[0][0] in "+↫" else "",
    needs=("+", "↫", "⌈", "⌉", "⌊", "⌋", "↑", "↓"),
)
QUOTES = Rule(
    "spaces in quotes",
    'a line\'s `" here.` and `here. "` become `"here."`',
    r'\n" (?=\w)| "(?<=[.?!,] ")(?=\n)',
    lambda match: match[0].replace(" ", ""),
    needs=('\n"', ' "'),
)

DIALOGUE = Cleaner(
    "dialogue",
    "transcripts in general: speaker labels, annotations, stray spaces",
    (
        INVISIBLE,
        LABELS,
        BRACKETS,
        ANNOTATIONS,
        TIERS,
        UNINTELLIGIBLE,
        WORDLESS_LINES,
        *SPACING,
        SPACE_BEFORE_NT,
        STRAY_COMMAS,
        STRAY_STARTS,
        EMPTY_LINES,
    ),
)
CHILDES = Cleaner(
    "childes",
    "child-directed speech in CHAT format: labels, annotations, unintelligible speech, marks in words",
    (
        INVISIBLE,
        CHAT_FILES,
        LABELS,
        CHAT_ENDS,
        CHAT_HEADERS,
        BRACKETS,
        SCOPES,
        INNER_LABELS,
        TIERS,
        UNINTELLIGIBLE,
        NAMES,
        WORD_MARKS,
        WORDLESS_LINES,
        *SPACING,
        ELLIPSES,
        SPACE_BEFORE_NT,
        QUOTES,
        STRAY_COMMAS,
        STRAY_STARTS,
        EMPTY_LINES,
    ),
)
AOCHILDES = Cleaner(
    "aochildes",
    "child-directed speech without labels, tokenised: as childes",
    (INVISIBLE, on_the_whole(SPACE_BEFORE_PUNCTUATION), *CHILDES.rules[1:]),
)
SWITCHBOARD = Cleaner(
    "switchboard",
    "telephone conversations: labels, annotations, transcriber's notes",
    (
        INVISIBLE,
        LABELS,
        BRACKETS,
        ANNOTATIONS,
        UNINTELLIGIBLE,
        TRANSCRIBER,
        WORDLESS_LINES,
        *SPACING,
        SPACE_BEFORE_NT,
        STRAY_COMMAS,
        STRAY_STARTS,
        EMPTY_LINES,
    ),
)
BNC_SPOKEN = Cleaner(
    "bnc_spoken",
    "spoken British National Corpus: labels, annotations",
    (INVISIBLE, LABELS, BRACKETS, WORDLESS_LINES, *SPACING, SPACE_BEFORE_NT, STRAY_COMMAS, STRAY_STARTS, EMPTY_LINES),
)
