"""Where in a text could a rule apply? One search for the triggers of all rules.

A cleaner must look at every character of a corpus but changes few of them, so this search is most of its work. Some
kinds of triggers have ways of their own, each several times faster than an expression that Python's `re` tries at every
character: fixed strings, a space with one character behind it, and the first characters of a line. The last two are
looked up for the whole text at once, byte by byte in Latin-1, where every other character counts as `?`; what is found
is then tested on the text itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Hit = tuple[int, int]
"""Place of a trigger and the rules it calls, as a set of bits."""


@dataclass(frozen=True)
class StartsWith:
    """A trigger for an expression that starts with a fixed string: the expression is tried where the string stands."""

    string: str
    pattern: re.Pattern[str]

    def search(self, text: str) -> bool:
        """Whether it stands anywhere in `text`."""
        return self.string in text and bool(self.pattern.search(text))


@dataclass(frozen=True)
class LineStart:
    """A trigger for an expression that starts with a line break: what the line's first characters may be."""

    pattern: re.Pattern[str]
    classes: tuple[str, ...]
    """For each of the first characters an expression that matches one character, or nothing where it may be any; a line
    break follows the text."""


Trigger = str | re.Pattern[str] | StartsWith | LineStart


class Triggers:
    """Triggers, each with the rules it calls as a set of bits, so that the triggers on a line are joined by `|`."""

    def __init__(self, called: Mapping[Trigger, int]) -> None:
        strings = {trigger: mask for trigger, mask in called.items() if isinstance(trigger, str)}
        self._strings = [(trigger, mask) for trigger, mask in strings.items() if not _is_spaced(trigger)]
        self._after_space = {trigger[1]: mask for trigger, mask in strings.items() if _is_spaced(trigger)}
        self._after_space_table = bytes(chr(byte) in (*self._after_space, "?") for byte in range(256))
        self._patterns = [(trigger, mask) for trigger, mask in called.items() if isinstance(trigger, re.Pattern)]
        self._starts = [(trigger, mask) for trigger, mask in called.items() if isinstance(trigger, StartsWith)]
        self._line_starts = [
            (
                trigger.pattern,
                [(offset, _table(allowed)) for offset, allowed in enumerate(trigger.classes, start=1) if allowed],
                mask,
            )
            for trigger, mask in called.items()
            if isinstance(trigger, LineStart)
        ]

    def find(self, text: str) -> list[Hit]:
        """Every place where a trigger stands, in order of place."""
        hits: list[Hit] = []
        for string, mask in self._strings:
            # One character is looked up many times faster than several.
            at = text.find(string) if string[0] in text else -1
            while at >= 0:
                hits.append((at, mask))
                at = text.find(string, at + 1)
        for start, mask in self._starts:
            at = text.find(start.string)
            while at >= 0:
                if start.pattern.match(text, at):
                    hits.append((at, mask))
                at = text.find(start.string, at + 1)
        for pattern, mask in self._patterns:
            first = pattern.search(text)
            if first:
                hits += [(match.start(), mask) for match in pattern.finditer(text, first.start())]
        if self._after_space or self._line_starts:
            self._look_up(text, hits)
        if len(hits) > 1:
            hits.sort()
        return hits

    def _look_up(self, text: str, hits: list[Hit]) -> None:
        data = (text + "\n\n").encode("latin-1", "replace")
        characters = np.frombuffer(data, np.uint8)
        if self._after_space:
            # Most spaces have a letter behind them, and none of these triggers is one.
            letters = (characters[1:] | 32) - np.uint8(ord("a")) < 26
            spaces = np.flatnonzero((characters[:-1] == ord(" ")) & ~letters)
            for place in spaces[_allowed(characters[spaces + 1], self._after_space_table)].tolist():
                called = self._after_space.get(text[place + 1 : place + 2])
                if called:
                    hits.append((place, called))
        if self._line_starts:
            breaks = np.flatnonzero(characters[:-2] == ord("\n"))
            first = characters[breaks + 1]
            for pattern, tables, mask in self._line_starts:
                places = breaks
                for offset, table in tables:
                    found = first if offset == 1 else characters[places + offset]
                    places = places[_allowed(found, table)]
                hits += [(place, mask) for place in places.tolist() if pattern.match(text, place)]


def _is_spaced(trigger: str) -> bool:
    return len(trigger) == 2 and trigger[0] == " " and not trigger[1].isalpha()


def _table(allowed: str) -> bytes:
    """For each byte whether the character, or for `?` any character beyond Latin-1, may be allowed."""
    test = re.compile(allowed)
    return bytes(chr(byte) == "?" or bool(test.match(chr(byte))) for byte in range(256))


def _allowed(characters: np.ndarray, table: bytes) -> np.ndarray:
    """Which of `characters` the table allows; several times faster than numpy's own indexing."""
    return np.frombuffer(characters.tobytes().translate(table), np.bool_)
