"""Constructions of English that `mixing.filter` knows by name. Each is a pattern: high recall first, as a corpus without a
construction should hold as little of it as possible; what it also leaves out by mistake is the price.
"""

from __future__ import annotations

import re

_IRREGULAR = [
    "beaten",
    "become",
    "begun",
    "bent",
    "bet",
    "bitten",
    "blown",
    "born",
    "borne",
    "bought",
    "bound",
    "broken",
    "brought",
    "built",
    "burnt",
    "burst",
    "cast",
    "caught",
    "chosen",
    "cut",
    "dealt",
    "done",
    "drawn",
    "driven",
    "drunk",
    "eaten",
    "fallen",
    "fed",
    "felt",
    "fought",
    "found",
    "flown",
    "forbidden",
    "forgiven",
    "forgotten",
    "frozen",
    "given",
    "gone",
    "grown",
    "held",
    "hidden",
    "hit",
    "hung",
    "hurt",
    "kept",
    "known",
    "laid",
    "led",
    "left",
    "lent",
    "let",
    "lit",
    "lost",
    "made",
    "meant",
    "met",
    "paid",
    "put",
    "read",
    "ridden",
    "rung",
    "run",
    "said",
    "seen",
    "sent",
    "sold",
    "set",
    "shaken",
    "shot",
    "shown",
    "shut",
    "slain",
    "spent",
    "split",
    "spoken",
    "spread",
    "stolen",
    "struck",
    "stuck",
    "sung",
    "sunk",
    "sworn",
    "swept",
    "swum",
    "taken",
    "taught",
    "thrown",
    "thought",
    "told",
    "torn",
    "understood",
    "won",
    "woken",
    "worn",
    "woven",
    "written",
    "withdrawn",
    "wound",
]
_BE = r"(?:am|is|are|was|were|be|been|being|isn't|aren't|wasn't|weren't|get|gets|got|gotten|getting|'s|'re|'m)"
_BETWEEN = (
    r"(?:\s+(?:not|never|always|often|also|just|still|already|then|now|only|even|ever|being|been|all|both|\w+ly)){0,2}"
)

PASSIVE = re.compile(rf"(?i)\b{_BE}{_BETWEEN}\s+(?:\w{{2,}}ed|{'|'.join(_IRREGULAR)})\b")
"""A form of `be` or `get`, perhaps adverbs, and a past participle: passives, and with them some participles that are
adjectives (`was tired`)."""

REFLEXIVE = re.compile(r"(?i)\b(?:(?:my|your|him|her|it|one)self|(?:our|your|them)selves)\b")
"""A reflexive pronoun."""

EXISTENTIAL_THERE = re.compile(
    r"(?i)\bthere(?:['’]s|['’]re|['’]d|['’]ll)?\s+(?:\w+\s+){0,2}?(?:be|been|being)\b"
    r"|\bthere(?:['’](?:s|re)\b|\s+(?:\w+ly\s+)?(?:is|are|was|were|isn['’]t|aren['’]t|wasn['’]t|weren['’]t)\b)"
    r"|\b(?:is|are|was|were|isn['’]t|aren['’]t|wasn['’]t|weren['’]t)\s+there\b"
)
"""`there` with a form of `be`: there is, there has been, there seems to be, is there; and with them `they were there`, where it
is a place."""

PLURAL_DEMONSTRATIVE = re.compile(r"(?i)\b(?:these|those)\b")
"""`these` and `those`, as determiners or alone."""
