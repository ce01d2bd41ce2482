"""The credits that subtitles carry: who made them, timed them or paid for them."""

from __future__ import annotations

import re

from babyllama.corpus.cleaning.rules import Rule

_WORK = (
    "[Ss]ubtitl(?:es?|ed|ing)|SUBTITLES|[Ss]ubs|[Ss]ub(?= made)|[Cc]aption(?:s|ed|ing)?|[Ss]ync(?:ed|hro(?:nized)?)?|[Rr]e?-?[Ss]ync(?:ed)?"
    "|[Cc]orrect(?:ed|ions?)|QC|[Tt]im(?:ed|ing)|[Rr]ipped|[Ee]ncoded|[Tt]ranslat(?:ed|ion)|[Tt]ranscript"
)
_WHOSE = "(?:(?:English|DVD|Visiontext|ITFC|[Cc]losed|Sing-A-Long|Main)[ -])*"
_BY = "(?: for [^ \n]+)?(?: (?:created|conformed|made possible|provided|sponsored|brought to you))?(?: ?[Bb]y ?:?| ?:(?= )| :)"
_NAME = r"((?: ?[^ \n]++)(?: [^ \n]++){0,7})"

_FIRM = re.compile(
    r"(?i:access|captioning|captions|company|entertainment|films?|group|inc|institute|international|ltd|media|productions?"
    r"|studios?|team|bee|csi|broadcast)[.,]?"
)
_PERSON = re.compile(r"[A-Z][a-z]+")
_SURNAME = re.compile(
    r"(?!(?:A|After|All|An|And|Are|As|At|Before|But|Check|Come|Dad|Did|Do|Episode|For|From|Go|He|Hello|Here|Hey|Hi|How|I|If|In|Is|It"
    r"|Let|Look|Mom|Mr|Mrs|My|No|Not|Now|Of|Oh|Okay|On|Once|One|Or|Our|Part|Please|Previously|Season|She|So|Thank|Thanks|That|The"
    r"|Then|There|These|They|This|To|Was|We|Well|Were|What|When|Where|Who|Why|With|Yes|You|Your)$)[A-Z][a-z]+"
)
_CAPITALS = re.compile("[A-Z]{4,}")
_HANDLE = re.compile(r"@\w*|at|wgbh|[\w.-]+\.[Oo]rg|[a-z]+\d+|ENGLISH|SDH")
_ROLES = (
    "(?:Main |Spot )?Translat(?:or|ion)(?: and fine timing)?|Timer|Timing|Coordinators?|Editors?(?:/ ?Coordinators)?|Raw provider(?: and retiming)?"
    "|Special thanks to"
)
_SITE = re.compile(r"\A- for addic7ed\. ?com(?: -)?")
_WHEN = re.compile(
    r"\A(?:in |(?:January|February|March|April|May|June|July|August|September|October|November|December),? )?(?:19|20)\d\d\b,? ?"
)
_WHERE = re.compile(r"\Afor [a-z]\w{4,} (?=[A-Z])")
_ARTICLES = {"the", "a", "an", "my", "your", "his", "her", "our", "their", "some", "someone", "two", "all"}


def _length_of_name(words: list[str]) -> int:
    """How many of the words behind `by` name someone; 0 for what is no credit."""
    end = next((number for number, word in enumerate(words[:4], start=1) if word.endswith(".")), 0)
    if words[0] in _ARTICLES and not any(_FIRM.fullmatch(word) for word in words[1:4]):
        return 0
    if end and not words[end - 1].endswith("..") and all(not word.islower() for word in words[1:end]):
        return end
    length = 2 if words[0].lower() in _ARTICLES else 1
    while length < len(words) and _FIRM.fullmatch(words[length]):
        length += 1
    if length == 1 and len(words) > 1 and _PERSON.fullmatch(words[0]):
        if _SURNAME.fullmatch(words[1]):
            length = 2
        while length < len(words) and _CAPITALS.fullmatch(words[length]):
            length += 1
    while length < len(words) and (_HANDLE.fullmatch(words[length]) or words[length - 1] == "@"):
        length += 1
    return length


def _without_credit(match: re.Match[str]) -> str:
    words = match[1].split()
    length = _length_of_name(words)
    rest = " ".join(words[length:])
    return " " + _WHEN.sub("", _WHERE.sub("", _SITE.sub("", rest))) if length else match[0]


_CREDITS = "`== sync, corrected by name == @name`, `Subtitles by name` and the like go, the text around them stays"
CREDITS = (
    Rule(
        "subtitle credits",
        _CREDITS,
        rf"==(?<!===)=*+ ?(?:{_WORK})[^=\n]{{0,60}} by [^=\n]{{1,60}}==++(?: @\w++)?",
        " ",
        needs=("==",),
    ),
    # Written with a capital, or at the start of a line or sentence: else it is somebody's talk.
    Rule(
        "subtitle credits",
        _CREDITS,
        rf"(?=[CDEIMQRSTVcerst])(?:(?<![\w'])(?=[A-Z])|(?<=\n)|(?<=[-.!?~♪)\]] )){_WHOSE}(?:{_WORK})(?:[,/&]? ?(?:and )?(?:{_WORK})\b)*+{_BY}{_NAME}",
        _without_credit,
        needs=(" by", " By", ": ", " :"),
    ),
    Rule("subtitle credits", _CREDITS, r"(?<!\w)synccorrectionby\w++", " ", needs=("synccorrection",)),
    Rule(
        "subtitle credits",
        _CREDITS,
        r"(?:♪ )?(?<!\S)(?:[A-Z][\w'&-]*+ (?:(?:of|and|the|in|to|on|for) )?){1,6}\d{1,2}x\d\d(?: ♪)?(?: [^ \n]++){1,12}?"
        r" Original Air Date on [A-Z][a-z]++ \d{1,2}, \d{4}",
        " ",
        needs=("Air Date",),
    ),
    Rule(
        "subtitle credits",
        _CREDITS,
        r"Please do NOT (?:hard-?sub|stream)[^.\n]{0,80}?(?:streaming sites?|subtitles)(?! on)\b\.?"
        r"|Brought to you by (?:[\w-]++ ){0,7}?(?:[A-Za-z]*[Ss]ubs|[Ss]ubbing (?:Squad|Team))\b"
        rf"|(?:(?:{_ROLES})(?:/ ?[A-Z]\w++)?: ?[a-z]\w++(?:, [a-z]\w++(?: [a-z]\w++)?)*+ ?)++"
        r"|Edited with \w*[Ss]ub\w*+|(?<!\w)transcript:\w++ sync:\w++",
        " ",
        needs=("do NOT", "to you by", "Trans", "Tim", "Coord", "Spec", "Raw p", "Edited with", "transcript:"),
    ),
    Rule("subtitle credits", _CREDITS, r"\.:\*~[*~:._]*+|(?:English )?⬄[^⬄\n]{0,40}⬄", " ", needs=("*~", "⬄")),
    Rule("subtitle credits", _CREDITS, r"(?<![\w.])[a-z]++\.subtitles?\.[a-z.]++", " ", needs=(".subt",)),
    Rule(
        "subtitle credits",
        _CREDITS,
        r"(?:E-mail:? )?(?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]++)++",
        " ",
        needs=("@",),
    ),
)
