"""The cleaner of subtitles."""

from __future__ import annotations

import re

from babyllama.corpus.cleaning.cleaner import Cleaner
from babyllama.corpus.cleaning.common import (
    EMPTY_LINES,
    INVISIBLE,
    LINKS,
    PAUSES,
    SPACING,
    STRAY_COMMAS,
    STRAY_STOPS,
    WORDLESS_LINES,
)
from babyllama.corpus.cleaning.credits import CREDITS
from babyllama.corpus.cleaning.names import SPEAKER_NAMES
from babyllama.corpus.cleaning.rules import Rule
from babyllama.corpus.cleaning.shouting import SHOUTING

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
_SPAN = rf"(?::\d\d)?:{_TIME} ?--?>? ?\d{{1,2}}(?::\d\d)?:{_TIME}(?!\d)(?: (?:[XY]\d|align|position|line|size):\S++)*+"
_TIMINGS = "`487 00:30:42,106 --> 00:30:45,310` goes, with the counter before it and the position behind"
COUNTERS = Rule(
    "timings and counters",
    _TIMINGS,
    rf"\n\d{{1,5}}(?=\n\d{{1,2}}{_SPAN})",
    across_lines=True,
)
TIMINGS = Rule(
    "timings and counters",
    _TIMINGS,
    rf"\d(?:(?<!\S\d)\d{{0,4}} {{1,3}}\d{{1,2}}|(?<!\d\d)\d?){_SPAN}",
    " ",
    needs=tuple(f":{digit}" for digit in "0123456789?"),
)
FORMATS = Rule(
    "format codes",
    r"`{\pos(192,220)}`, `<i>` and `<font ...>` go; what stands in braces by mistake, as in `{\They said}`, stays",
    r"\{\\(?:[^{}\s]*+|fn[^{}\n]*+)\}|\{\\([^{}\n]*+)\}|</?(?i:i|b|u|c|v|lang|ruby|rt|font)\b[^<>\n]*+>|<\d\d:[\d:.]++>",
    lambda match: f" {match[1] or ''} ",
    needs=("{", "<"),
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
    r" (?:(?<=[.?!\"] )(?:[-~] |[–—] ?)|(?<=-- )- ?(?=[A-Z])|(?<=: )[–—](?=[A-Z]))(?=\S)",
    "\n",
    needs=(" -", " ~", " –", " —"),
    speech=True,
)
# Somebody speaks to somebody; in capitals only these pronouns tell, since `HE LAUGHS` describes.
_SPEAKER = r"(?:I|you|we|me|my|your|our|us)(?:['’](?:m|re|ve|ll|d))?"
_SPOKEN = re.compile(
    rf"(?<![\w'])(?:{_SPEAKER}|(?i:\w+n['’]t|(?:it|that|he|she|there|what)['’]s|is|are|was|were|will))(?![\w'’])"
    r"|\w ?\?\Z|\w \w.*!\Z|\A[\d ,.:]*\d[\d ,.:]*\Z"
)
_SHOUTED = re.compile(rf"(?<![\w'])(?i:{_SPEAKER})(?![\w'’])")
_SOUND = re.compile(
    r"\A *[#♪*]|(?<!\w)(?i:\w*music|theme|song|intro|tune|audio|voices?|singing|sings?|hum(?:s|ming)|play(?:s|ing|ed)?|speak(?:s|ing)"
    r"|chant(?:s|ing)|\w*sound(?:s|ing)?)(?!\w)"
)


def _unless_spoken(match: re.Match[str]) -> str:
    """A stage direction goes; somebody's words in brackets stay."""
    inside = match[0].rstrip(":")[1:-1].strip()
    spoken = _SHOUTED if inside.isupper() else _SPOKEN
    if spoken.search(inside) and not _SOUND.search(inside):
        return match[0]
    labelled = match[0].endswith(":") and re.match(r"\w ", match.string[max(0, match.start() - 2) : match.start()])
    return ":" if labelled else " "


SOUNDS = Rule(
    "stage directions",
    "`[SIGHS]`, `(laughing)`, `{BOTH ROARING}` go; what is spoken, such as `(I think)`, stays",
    r"\[[^\[\]\n]{0,100}\]:?|\([^()\n]{0,100}\):?|\{[^{}\n]{0,100}\}:?|\([A-Z][^a-z()\[\]\n]{1,60}\]",
    _unless_spoken,
    needs=("[", "(", "{"),
    speech=True,
)
SUBTITLE_LABELS = Rule(
    "speaker labels",
    "`CLAIRE:`, `MRS. HALL:` and `GUIDE=` at the start of a line or sentence go",
    r"[A-Z](?:(?<=\n[A-Z])|(?<=[.!?\"-] [A-Z])|(?<=-[A-Z]))"
    r"(?:(?:RS?|R)\. ?)?[A-Z0-9'&#-]{0,20}+(?: [A-Z0-9][A-Z0-9'&#-]{0,20}+){0,2}+(?<![-'&#])[:=](?=[ \n])",
    needs=(": ", ":\n", "= ", "=\n"),
    speech=True,
)
SUBTITLES = Cleaner(
    "subtitles",
    "subtitles: timings, credits, format codes, music marks, stage directions, labels, turn dashes, shouting",
    (
        INVISIBLE,
        COUNTERS,
        SPEAKER_NAMES,
        TURNS,
        BROKEN_CHARACTERS,
        TIMINGS,
        FORMATS,
        *CREDITS,
        LINKS,
        INNER_TURNS,
        SOUNDS,
        MUSIC,
        SUBTITLE_LABELS,
        WORDLESS_LINES,
        STRAY_STOPS,
        *SPACING,
        STRAY_COMMAS,
        PAUSES,
        EMPTY_LINES,
        SHOUTING,
    ),
)
QED = Cleaner("qed", "subtitles of lectures: as subtitles", SUBTITLES.rules)
