"""CHAT transcripts (.cha): the words of the main tiers, as the CHAT manual (MacWhinney, TalkBank) spells them out.

What is no word of the utterance goes: headers and dependent tiers, time bullets, events, pauses, fillers and fragments
(`&-um`, `&+b`, `&=laughs`), unintelligible speech (`xxx`, `yyy`, `www`), omitted words (`0is`), annotations in brackets, and
what a speaker takes back (material before `[/]`, `[//]`, `[///]`, `[/-]`, `[/?]`), which the %mor tier leaves out too. What is
a word is spelled plainly: `wan(t)` want, `gumma@c` gumma, `choo_choo` choo choo. Replacements (`goed [: went]`) are not made:
the word that was said stays. Speakers' roles are those of the `@Participants` header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal

Speakers = Literal["all", "children", "adults"]

CHILDREN = frozenset({"Target_Child", "Child", "Brother", "Sister", "Sibling", "Boy", "Girl", "Playmate", "Classmate"})
"""Roles of the manual that are children's."""
NO_SPEAKERS = frozenset({"Environment", "Media", "Camera_Operator", "Text"})
"""Roles that are neither."""

_TOKEN = re.compile(r"\[[^\]]*\]|\+\S+|<|>|[^\s<>\[\]]+")
_RETRACED = re.compile(r"\[/(?:/|//|-|\?)?\]")
_BULLET = re.compile(r"\x15[^\x15\n]*\x15?|(?<=\s)\d+_\d+(?=\s*$)")
_PAUSE = re.compile(r"\((?:\.{1,3}|[\d.:]+)\)")
_NO_WORD = re.compile(r"&.*|x{2,3}(?:@\S*)?|yyy?(?:@\S*)?|www(?:@\S*)?|0\S*|#.*", re.DOTALL)
_MARKER = re.compile(r"@[a-z]\S*$")
_PROSODY = re.compile(r"[()^:ˈˌ↑↓⇗↗→↘⇘∞≈≋≡∙⌈⌉⌊⌋∆∇⁎⁇°▁▔☺♋Ϋ∬ʃ∮§∾↻≠ ]")
_LINKED = re.compile(r"(?<=\w)[_+](?=\w)")


def utterances(lines: Iterable[str], speakers: Speakers = "all") -> Iterator[tuple[str, str]]:
    """(speaker's code, words) of every utterance of the chosen speakers that has words, in order."""
    roles: dict[str, str] = {}
    for tier in _tiers(lines):
        if tier.startswith("@Participants:"):
            roles |= _roles(tier.partition(":")[2])
        elif tier.startswith("*"):
            code, _, text = tier[1:].partition(":")
            if _is_chosen(roles.get(code.strip(), ""), speakers) and (found := words(text)):
                yield code.strip(), found


def _tiers(lines: Iterable[str]) -> Iterator[str]:
    """Headers and tiers, each with the lines that continue it (they begin with a tab or space) on one line."""
    tier = ""
    for line in lines:
        if line[:1] in ("\t", " ") and tier:
            tier += " " + line.strip()
            continue
        if tier:
            yield tier
        tier = line.rstrip()
    if tier:
        yield tier


def _roles(participants: str) -> dict[str, str]:
    """Code -> role; an entry is a code, perhaps a name, and the role."""
    entries = (entry.split() for entry in participants.split(","))
    return {entry[0]: entry[-1] for entry in entries if len(entry) > 1}


def _is_chosen(role: str, speakers: Speakers) -> bool:
    if speakers == "all":
        return True
    if speakers == "children":
        return role in CHILDREN
    return bool(role) and role not in CHILDREN and role not in NO_SPEAKERS


def words(text: str) -> str:
    """The words of a main tier's text with its punctuation, separated by single spaces; empty when it has no words."""
    groups: list[list[str | list]] = [[]]
    for token in _TOKEN.findall(_BULLET.sub(" ", text)):
        if token == "<":
            groups.append([])
        elif token == ">":
            if len(groups) > 1:
                group = groups.pop()
                groups[-1].append(group)
        elif _RETRACED.fullmatch(token):
            if groups[-1]:
                groups[-1].pop()
        elif not token.startswith("["):
            groups[-1].append(token)
    said = [plain for token in _flat(groups) if (plain := _plain(token))]
    said = [token for place, token in enumerate(said) if token != "," or (place and said[place - 1] != ",")]
    return " ".join(said) if any(re.search(r"\w", token) for token in said) else ""


def _flat(groups: list) -> Iterator[str]:
    for one in groups:
        if isinstance(one, list):
            yield from _flat(one)
        else:
            yield one


def _plain(token: str) -> str:
    """A token as plain text; empty when it is none."""
    if token.startswith("+"):
        return _terminator(token)
    if token in ("‡", "„"):
        return ","
    if _PAUSE.fullmatch(token) or _NO_WORD.fullmatch(token):
        return ""
    token = _PROSODY.sub("", _MARKER.sub("", token))
    return _LINKED.sub(" ", token)


def _terminator(token: str) -> str:
    """The mark that a special terminator (`+...`, `+/?`, `+"/.`) stands for; linkers (`+"`, `+<`, `++`) stand for none."""
    if token.endswith("..."):
        return "..."
    if token.endswith(("?", "!")):
        return token[-1]
    return "." if token.endswith(".") else ""
