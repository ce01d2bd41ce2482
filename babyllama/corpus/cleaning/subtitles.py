"""The cleaner of subtitles."""

from __future__ import annotations

import re

from babyllama.corpus.cleaning.cleaner import Cleaner
from babyllama.corpus.cleaning.common import EMPTY_LINES, INVISIBLE, LINKS, SPACING, WORDLESS_LINES
from babyllama.corpus.cleaning.rules import Rule

_CREDIT = (
    r"(?:[Ss]ubtitles?(?:d|[ -]?[Rr]ipped)?|[Ss]ubs|[Ss]ubtitling|[Cc]aptions?(?:ed|ing)?|[Ss]ync(?:ed|hro(?:nized)?)?"
    r"|[Rr]e?-?[Ss]ync(?:ed)?|[Cc]orrect(?:ed|ions?)|[Tt]ranscript|[Rr]ipped|[Ee]ncoded|[Tt]ranslat(?:ed|ion))"
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
    r" \ufffd(?=(?:s|t|m|d|re|ve|ll)(?!\w))|\ufffd(?:(?=(?:s|t|m|d|re|ve|ll)(?!\w))|(?<!\w\ufffd)(?<!\W\ufffd\ufffd)\ufffd*+(?!\w))",
    lambda match: (
        "'" if match[0].lstrip(" ") == "\ufffd" and match.string[match.end() : match.end() + 1].isalpha() else " "
    ),
    needs=("\ufffd",),
)
_TIME = r"\d\d[,.]\d{1,3}"
_SPAN = rf":\d\d:{_TIME} ?--?>? ?\d{{1,2}}:\d\d:{_TIME}(?!\d)"
_TIMINGS = "`487 00:30:42,106 --> 00:30:45,310` goes, with the counter before it"
COUNTERS = Rule(
    "timings and counters",
    _TIMINGS,
    rf"\n\d{{1,5}}(?=\n\d{{1,2}}{_SPAN})",
    needs=("--", "->"),
    across_lines=True,
)
TIMINGS = Rule(
    "timings and counters",
    _TIMINGS,
    rf"\d(?:(?<!\S\d)\d{{0,4}} {{1,3}}\d{{1,2}}|(?<!\d\d)\d?){_SPAN}",
    " ",
    needs=(":0", ":1", ":2", ":3", ":4", ":5"),
)
FORMATS = Rule(
    "format codes",
    r"`{\pos(192,220)}`, `<i>` and `<font ...>` go",
    r"\{\\[^{}\n]*+\}|</?(?i:i|b|u|font)\b[^<>\n]*+>",
    " ",
    needs=("{", "<"),
)
_CREDITS = (
    "`== sync, corrected by name == @name`, lines such as `Subtitles by name` and the credit before other text go"
)
CREDITS = (
    Rule(
        "subtitle credits",
        _CREDITS,
        rf"==(?<!===)=*+ ?{_CREDIT}[^=\n]{{0,60}} by [^=\n]{{1,60}}==++(?: @\w++)?",
        " ",
        needs=("==",),
    ),
    Rule(
        "subtitle credits",
        _CREDITS,
        rf"\n\W{{0,5}}{_CREDIT}(?:,? (?:and )?{_CREDIT}){{0,3}} by:?(?: [^\s.?!]++){{1,3}}(?=\n)",
        needs=(" by",),
    ),
    # In running text only the credit and one name are sure.
    Rule(
        "subtitle credits",
        _CREDITS,
        r"[SsC](?<!\w.)(?:(?<=S)ubtitles?(?:d| ripped)?|(?<=s)ubtitles ripped|(?<=S)ubs|(?<=C)aption(?:s|ed|ing)?|(?<=S)ync(?:ed)?)"
        r" by:? (?!the |a )\S++",
        " ",
        needs=(" by",),
    ),
)
MUSIC = Rule(
    "music marks",
    "`♪`, `♫`, `¶` and the `#`, `*`, `~` that stand for them go; the words sung stay",
    r"[♪♫♬♩¶#*~](?:(?<=[♪♫♬♩¶])[♪♫♬♩¶]*+|(?<!\S[#*~])[#*~♪♫♬♩¶]*+(?!\d)|(?<![#*~]{2})[#*~]*+(?!\S))",
    " ",
    needs=("♪", "♫", "♬", "♩", "¶", "#", "*", "~"),
)
TURNS = Rule(
    "turn dashes",
    "the dash before a turn goes",
    r"\n ?[-–—~]++ ?(?=[^\s\d])",
    "\n",
    needs=("\n-", "\n–", "\n—", "\n~", "\n "),
    speech=True,
)
INNER_TURNS = Rule(
    "turns inside lines",
    "a turn that starts with a dash inside a line gets its own line",
    r" [-~] (?<=[.!?\"] . )(?=\S)",
    "\n",
    needs=(" - ", " ~ "),
    speech=True,
)
SOUNDS = Rule(
    "stage directions",
    "`[SIGHS]`, `(laughing)`, `{BOTH ROARING}` go",
    r"\[[^\[\]\n]{0,100}\]:?|\([^()\n]{0,100}\):?|\{[^{}\n]{0,100}\}:?",
    " ",
    needs=("[", "(", "{"),
    speech=True,
)
SUBTITLE_LABELS = Rule(
    "speaker labels",
    "`CLAIRE:` and `MRS. HALL:` at the start of a line or sentence go",
    r"[A-Z](?:(?<=\n[A-Z])|(?<=[.!?\"-] [A-Z])|(?<=-[A-Z]))"
    r"(?:(?:RS?|R)\. ?)?[A-Z0-9'&#-]{0,20}+(?: [A-Z0-9][A-Z0-9'&#-]{0,20}+){0,2}+(?<![-'&#]):(?=\s)",
    needs=(":",),
    speech=True,
)
SHOUTING = Rule(
    "shouting",
    "a line in capitals (two words or more) gets sentence case; names in it lose their capital",
    r"\n[^a-z\n]++(?=\n)",
    _recased,
    across_lines=True,
)
SUBTITLES = Cleaner(
    "subtitles",
    "subtitles: timings, credits, format codes, music marks, stage directions, labels, turn dashes, shouting",
    (
        INVISIBLE,
        COUNTERS,
        TURNS,
        BROKEN_CHARACTERS,
        TIMINGS,
        FORMATS,
        *CREDITS,
        LINKS,
        INNER_TURNS,
        MUSIC,
        SOUNDS,
        SUBTITLE_LABELS,
        WORDLESS_LINES,
        *SPACING,
        EMPTY_LINES,
        SHOUTING,
    ),
)
QED = Cleaner("qed", "subtitles of lectures: as subtitles", SUBTITLES.rules)
