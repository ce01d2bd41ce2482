"""Cleaners of spoken text: subtitles and transcripts."""

from __future__ import annotations

import re

from babyllama.corpus.cleaning.common import LINKS, SPACE_BEFORE_NT, TIDY, WORDLESS_LINES
from babyllama.corpus.cleaning.rules import Cleaner, Rule
from babyllama.corpus.cleaning.triggers import StartsWith

# ---------------------------------------------------------------------------------------------------------------------
# Subtitles

_CREDIT = (
    r"(?:[Ss]ubtitles?(?:d|[ -]?[Rr]ipped)?|[Ss]ubs|[Ss]ubtitling|[Cc]aptions?(?:ed|ing)?|[Ss]ync(?:ed|hro(?:nized)?)?"
    r"|[Rr]e?-?[Ss]ync(?:ed)?|[Cc]orrect(?:ed|ions?)|[Tt]ranscript|[Rr]ipped|[Ee]ncoded|[Tt]ranslat(?:ed|ion))"
)
# How a credit word ends: what stands before ` by` in all but a few lines is something else.
_CREDIT_ENDS = (
    "itle|tles|tled|lesd|pped|[Ss]ubs|ling|tion|ions|oned|ning|nsed|sing|[Ss]ync|nced|chro|ized|cted|ript|oded|ated"
)


def _recased(match: re.Match[str]) -> str:
    line = match[0]
    words = [word for word in _WORD.findall(line) if len(word) > 1]
    if len(words) < 2 or sum(map(len, words)) < 6 or not line.isupper():
        return line
    line = _FIRST_LETTER.sub(_upper, line.lower(), count=1)
    return _PRONOUN_I.sub("I", _SENTENCE_START.sub(_upper, line))


def _upper(match: re.Match[str]) -> str:
    return match[0].upper()


_WORD = re.compile(r"[^\W\d_]+")
_FIRST_LETTER = re.compile(r"\A\W*[^\W\d_]")
_SENTENCE_START = re.compile(r"[.!?…][\s\"'“”’)\]]+[^\W\d_]")
_PRONOUN_I = re.compile(r"i(?<!\wi)(?![\w.])")

BROKEN_CHARACTERS = Rule(
    "broken characters",
    "`don �t` becomes `don't`; other U+FFFD beside spaces go",
    re.compile(
        r" \ufffd(?=(?:s|t|m|d|re|ve|ll)(?!\w))|\ufffd(?:(?=(?:s|t|m|d|re|ve|ll)(?!\w))|(?<!\w\ufffd)\ufffd*+(?!\w))"
    ),
    lambda match: (
        "'" if match[0].lstrip(" ") == "\ufffd" and match.string[match.end() : match.end() + 1].isalpha() else " "
    ),
    ("\ufffd",),
)
TIMINGS = Rule(
    "timings and counters",
    "`487 00:30:42,106 --> 00:30:45,310` goes, with the counter before it",
    re.compile(
        r"(?:(?<!\S)\d{1,5}\s{1,3})?(?<!\d)\d{1,2}:\d\d:\d\d[,.]\d{1,3} ?--?>? ?\d{1,2}:\d\d:\d\d[,.]\d{1,3}(?!\d)"
    ),
    " ",
    (StartsWith(":", re.compile(r":\d\d[,.]\d{1,3} ?-")),),
)
FORMATS = Rule(
    "format codes",
    r"`{\pos(192,220)}`, `<i>` and `<font ...>` go",
    re.compile(r"\{\\[^{}\n]*+\}|</?(?i:i|b|u|font)\b[^<>\n]*+>"),
    " ",
    ("{", "<"),
)
CREDITS = Rule(
    "subtitle credits",
    "`== sync, corrected by name == @name`, lines such as `Subtitles by name` and the credit before other text go",
    re.compile(
        # Between double bars; a line of its own; or in running text, where only the credit and one name are sure.
        rf"==+ ?{_CREDIT}[^=\n]{{0,60}} by [^=\n]{{1,60}}==+(?: @\w++)?"
        rf"|\n\W{{0,5}}{_CREDIT}(?:,? (?:and )?{_CREDIT}){{0,3}} by:?(?: [^\s.?!]++){{1,3}}(?=\n|\Z)"
        r"|(?<!\w)(?:Subtitles?(?:d| ripped)?|subtitles ripped|Subs|Captions?|Captioned|Captioning|Synced|Sync) by:? (?!the |a )\S++"
    ),
    " ",
    ("==", StartsWith(" by", re.compile(rf" by(?<=(?:{_CREDIT_ENDS}) by)"))),
)
MUSIC = Rule(
    "music marks",
    "`♪`, `♫`, `¶` and the `#`, `*`, `~` that stand for them go; the words sung stay",
    re.compile(r"[♪♫♬♩¶#*~](?:(?<=[♪♫♬♩¶])[♪♫♬♩¶]*+|(?<!\S[#*~])[#*~♪♫♬♩¶]*+(?!\d)|[#*~]*+(?!\S))"),
    " ",
    ("♪", "♫", "♬", "♩", "¶", "#", "*", "~"),
)
TURNS = Rule(
    "turn dashes",
    "the dash before a turn goes",
    re.compile(r"\n ?[-–—~]++ ?(?=[^\s\d])"),
    "\n",
    line_start=("[-–—~ ]",),
    speech=True,
)


def _inner_turns(dash: str) -> Rule:
    # One rule per dash, so that each search is for a fixed string.
    return Rule(
        "turns inside lines",
        "a turn that starts with a dash inside a line gets its own line",
        re.compile(rf" {dash} (?<=[.!?\"] {dash} )(?=\S)"),
        "\n",
        (f" {dash}",),
        speech=True,
    )


INNER_TURNS = (_inner_turns("-"), _inner_turns("~"))
SOUNDS = Rule(
    "stage directions",
    "`[SIGHS]`, `(laughing)`, `{BOTH ROARING}` go",
    re.compile(r"\[[^\[\]\n]{0,100}\]:?|\([^()\n]{0,100}\):?|\{[^{}\n]{0,100}\}:?"),
    " ",
    ("[", "(", "{"),
    speech=True,
)
SUBTITLE_LABELS = Rule(
    "speaker labels",
    "`CLAIRE:` and `MRS. HALL:` at the start of a line or sentence go",
    re.compile(
        r"[A-Z](?:(?<=\n[A-Z])|(?<=[.!?\"-] [A-Z])|(?<=-[A-Z]))"
        r"(?:(?:RS?|R)\. ?)?[A-Z0-9'&#-]{0,20}+(?: [A-Z0-9][A-Z0-9'&#-]{0,20}+){0,2}+(?<![-'&#]):(?=\s)"
    ),
    "",
    (StartsWith(":", re.compile(r":(?<=[A-Z0-9. ]:)(?=\s)")),),
    speech=True,
)
SHOUTING = Rule(
    "shouting",
    "a line in capitals (two words or more) gets sentence case; names in it lose their capital",
    re.compile(r"\n[^a-z\n]++(?=\n|\Z)"),
    _recased,
    # The shortest line that is re-cased has two words of six letters together; most lines begin with a capital.
    line_start=("", *("[^a-z\n]",) * 5),
)
SUBTITLES = Cleaner(
    "subtitles",
    "subtitles: timings, credits, format codes, music marks, stage directions, labels, turn dashes, shouting",
    (
        BROKEN_CHARACTERS,
        TIMINGS,
        FORMATS,
        CREDITS,
        LINKS,
        TURNS,
        *INNER_TURNS,
        MUSIC,
        SOUNDS,
        SUBTITLE_LABELS,
        WORDLESS_LINES,
        *TIDY,
        SHOUTING,
    ),
    frozenset({"turn dashes"}),
)

# ---------------------------------------------------------------------------------------------------------------------
# Transcripts

LABELS = Rule(
    "speaker labels",
    "`*CHI:`, `A:`, `SPEAKER_2:` at the start of a line go",
    re.compile(r"\n\*?[A-Z][A-Z0-9_]{0,11}:[ \t]*+"),
    "\n",
    line_start=("[*A-Z]", "[A-Z0-9_:]"),
    speech=True,
)
CHAT_FILES = Rule(
    "file marks",
    "`= = = childes/.../020030a.cha = = =` goes",
    re.compile(r"\s?= = = [^\s=]++ = = =\s?"),
    "\n",
    ("= = = ",),
    across_lines=True,
)
BRACKETS = Rule(
    "annotations",
    "`[giggles]`, `[jack+in+the+box]` go",
    re.compile(r"\[[^\[\]\n]{0,400}\]"),
    " ",
    ("[",),
    speech=True,
)
ANNOTATIONS = Rule(
    "other annotations",
    "`<laughter>`, `%add: MOT`, `child_talking` go",
    re.compile(r"<[A-Za-z_ ]{1,30}>|%[a-z]{3}: ?\S++|\bchild_talking\b"),
    " ",
    ("<", "%", "child_talking"),
    speech=True,
)
UNINTELLIGIBLE = Rule(
    "unintelligible speech",
    "`xxx`, `yyy`, `www`, `(( ))` and babble such as `&ma` go",
    re.compile(r"(?<![\w&])(?:xxx|yyy|www)(?!\w)|(?<!\S)&[-=~+]?\w++|\(\( *+\)\)"),
    " ",
    ("xxx", "yyy", "www", "&", "(("),
    speech=True,
)
TRANSCRIBER = Rule(
    "transcriber's notes",
    "`*listen; mistranscribed 'uh-uh'` up to the end of the line goes",
    re.compile(r"\*(?<!\S\*) ?(?=[\w'\"])[^\n]*+"),
    "",
    ("*",),
    speech=True,
)
WORD_MARKS = Rule(
    "marks in words",
    "`jack+in+the+box` becomes four words, `don('t)` becomes `don't`, `hel:lo` becomes `hello`",
    re.compile(r"\+(?<=\w\+)(?=\w)|\((?<=\w\()([\w']{1,20})\)|\(([\w']{1,20})\)(?=\w)|:(?<=[a-z]:)(?=[a-z])"),
    lambda match: " " if match[0] == "+" else match[1] or match[2] or "",
    (StartsWith("+", re.compile(r"\+(?=\w)")), "(", StartsWith(":", re.compile(":(?=[a-z])"))),
)
CHAT_ENDS = Rule(
    "utterance marks",
    "CHAT's `+/.`, `+//.`, `+,` and `↫` go, `+...` becomes `...`",
    re.compile(r"\+\.\.\.|\+(?:\"/\.|//?[.?]|[,<^\"])(?=\s|\Z)|↫"),
    lambda match: "..." if match[0] == "+..." else " ",
    ("+", "↫"),
)
QUOTES = Rule(
    "opening quotes", 'a line\'s `" here` becomes `"here`', re.compile(r'\n" (?=\w)'), '\n"', line_start=('"', " ")
)

DIALOGUE = Cleaner(
    "dialogue",
    "transcripts in general: speaker labels, annotations, stray spaces",
    (LABELS, BRACKETS, ANNOTATIONS, UNINTELLIGIBLE, WORDLESS_LINES, *TIDY, SPACE_BEFORE_NT),
    frozenset({"speaker labels"}),
)
CHILDES = Cleaner(
    "childes",
    "child-directed speech in CHAT format: labels, annotations, unintelligible speech, marks in words",
    (
        CHAT_FILES,
        LABELS,
        CHAT_ENDS,
        BRACKETS,
        ANNOTATIONS,
        UNINTELLIGIBLE,
        WORD_MARKS,
        WORDLESS_LINES,
        *TIDY,
        SPACE_BEFORE_NT,
        QUOTES,
    ),
    frozenset({"speaker labels", "annotations", "lines without a word", "repeated spaces", "spaces at line ends"}),
)
AOCHILDES = Cleaner(
    "aochildes",
    "child-directed speech without labels, tokenised: as childes",
    CHILDES.rules,
    frozenset({"space before punctuation"}),
)
SWITCHBOARD = Cleaner(
    "switchboard",
    "telephone conversations: labels, annotations, transcriber's notes",
    (LABELS, BRACKETS, ANNOTATIONS, UNINTELLIGIBLE, TRANSCRIBER, WORDLESS_LINES, *TIDY, SPACE_BEFORE_NT),
    frozenset({"speaker labels"}),
)
BNC_SPOKEN = Cleaner(
    "bnc_spoken",
    "spoken British National Corpus: labels, annotations",
    (LABELS, BRACKETS, WORDLESS_LINES, *TIDY, SPACE_BEFORE_NT),
)
QED = Cleaner("qed", "subtitles of lectures: as subtitles", SUBTITLES.rules, SUBTITLES.bulk)
