"""What a cleaner is made of: named rules, each one regular expression, applied to the lines that need them.

A cleaner must look at every character of a corpus but changes few of them. So the work goes in three steps:

1. rules that apply to most lines of their domain (`Cleaner.bulk`) run over the whole document;
2. all rules' triggers, which are plain strings or expressions that start with one, point out the lines where a rule
   could still apply, and these rules are applied to these lines;
3. lines that changed go through step 2 again until none changes, at most `ROUNDS` times.

So a cleaned text is one in which no rule changes any line, and cleaning it again changes nothing: a cleaner is
idempotent. A text on which it does not come to rest loses white space only, which is idempotent too. Each expression is
linear in the length of its line, and so is the whole.
"""

from __future__ import annotations

import dataclasses
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np

ROUNDS = 12
CROWDED = 25
"""With a trigger in less than this many characters on average, going line by line would cost more than it saves."""

_BLANK_LINES = re.compile("\n{3,}")
_BETWEEN = "\nendofdocument\n"
"""Stands between documents cleaned together: a line that no rule has a reason to touch."""

Trigger = str | re.Pattern[str]
Replacement = str | Callable[[re.Match[str]], str]


@dataclass(frozen=True)
class Rule:
    """One kind of change. Every line it sees starts after a line break, so that its pattern may start with one."""

    name: str
    what: str
    """What it does, for tables and help."""
    pattern: re.Pattern[str]
    replacement: Replacement = ""
    triggers: tuple[Trigger, ...] = ()
    """One of them occurs on every line where the pattern matches; none given: the pattern itself."""
    speech: bool = False
    """It removes speaker labels, stage directions or annotations, which `keep_speakers` keeps."""
    after: str = ""
    """A string that every match contains; with it the rule also runs on each line that another rule changed, for spaces
    that rules leave."""
    across_lines: bool = False
    """Its matches may span lines, so that it only runs over whole documents."""
    test: Callable[[str], bool] | None = None
    """A faster look than the triggers at whether a rule across lines has work; no other rule makes work for it."""

    def may_match(self, text: str) -> bool:
        """Whether a search is worth its time."""
        if self.test:
            return self.test(text)
        for trigger in self.triggers:
            if trigger in text if isinstance(trigger, str) else trigger.search(text):
                return True
        return not self.triggers


@dataclass(frozen=True)
class RuleCount:
    """How often a rule changed something and how many characters that took away (negative: added)."""

    matches: int
    characters: int


@dataclass(frozen=True)
class Cleaner:
    """A domain's rules in order. Calling it gives the cleaned text: pure, idempotent, linear in the text."""

    name: str
    what: str
    rules: tuple[Rule, ...]
    bulk: frozenset[str] = frozenset()
    """Names of the rules that apply to so many lines of this domain that they run over whole documents first."""
    _plans: dict[bool, _Plan] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for keep_speakers in (False, True):
            rules = tuple(rule for rule in self.rules if not (keep_speakers and rule.speech))
            self._plans[keep_speakers] = _Plan(rules, self.bulk)

    def __call__(self, text: str, keep_speakers: bool = False) -> str:
        """`text` cleaned; white space at its ends is dropped. `keep_speakers` leaves out the rules on speech."""
        return self._plans[keep_speakers].clean(text)

    def clean_all(self, texts: Sequence[str], keep_speakers: bool = False) -> list[str]:
        """The same as calling it for each text; faster where they are many and short."""
        return self._plans[keep_speakers].clean_all(texts)

    def explain(self, text: str, keep_speakers: bool = False) -> tuple[str, Mapping[str, RuleCount]]:
        """The cleaned text and what each rule did to get there; rules that did nothing are left out."""
        counts: dict[str, RuleCount] = {}
        rules = tuple(_counting(rule, counts) for rule in self.rules if not (keep_speakers and rule.speech))
        return _Plan(rules, self.bulk).clean(text), counts


class _Plan:
    """How a cleaner's rules run over a document."""

    def __init__(self, rules: tuple[Rule, ...], bulk: frozenset[str]) -> None:
        self.over_all = tuple(rule for rule in rules if rule.across_lines or rule.name in bulk)
        self.repeated = tuple(rule for rule in self.over_all if rule.across_lines and not rule.test)
        self.by_line = tuple(rule for rule in rules if not rule.across_lines)
        self.after = [(rule.after, rule.pattern.sub, rule.replacement) for rule in self.by_line if rule.after]
        # Which rules a trigger calls, as a set of bits, so that the triggers on a line are joined by `|`.
        masks: dict[Trigger, int] = {}
        for number, rule in enumerate(self.by_line):
            for trigger in rule.triggers or (rule.pattern,):
                masks[trigger] = masks.get(trigger, 0) | 1 << number
        strings = {trigger: mask for trigger, mask in masks.items() if isinstance(trigger, str)}
        self.after_space = {trigger[1]: mask for trigger, mask in strings.items() if _is_spaced(trigger)}
        self.after_space_table = bytes(chr(byte) in self.after_space for byte in range(256))
        self.strings = [(trigger, mask) for trigger, mask in strings.items() if not _is_spaced(trigger)]
        self.patterns = [(trigger, mask) for trigger, mask in masks.items() if not isinstance(trigger, str)]
        self._called: dict[int, list[tuple[str, Callable[..., str], Replacement]]] = {}

    def clean(self, text: str) -> str:
        current = "\n" + text.strip()
        for _ in range(ROUNDS):
            before = current
            for rule in self.over_all:
                if rule.may_match(current):
                    current = rule.pattern.sub(rule.replacement, current)
            lined = self._settle(current, self._hits(current))
            if lined is None:
                break
            current = "\n" + _without_gaps(lined)
            if current == before or not any(
                rule.may_match(current) and rule.pattern.search(current) for rule in self.repeated
            ):
                return current[1:]
        return _without_gaps(text)

    def clean_all(self, texts: Sequence[str]) -> list[str]:
        """`clean` of each text, with one search for all in the steps that look at everything."""
        if self.repeated or len(texts) == 1:
            return [self.clean(text) for text in texts]
        together = "\n" + _BETWEEN.join([text.strip() for text in texts])
        for rule in self.over_all:
            if rule.may_match(together):
                together = rule.pattern.sub(rule.replacement, together)
        cleaned = together[1:].split(_BETWEEN)
        if len(cleaned) != len(texts):
            return [self.clean(text) for text in texts]
        starts = list(accumulate([len(text) + len(_BETWEEN) for text in cleaned], initial=0))
        hits = self._hits(together)
        at = 0
        while at < len(hits):
            number = bisect_right(starts, hits[at][0]) - 1
            start, first = starts[number], at
            while at < len(hits) and hits[at][0] < starts[number + 1]:
                at += 1
            end = start + len(cleaned[number])
            own = [(place - start, mask) for place, mask in hits[first:at] if place <= end]
            settled = self._settle("\n" + cleaned[number], own)
            cleaned[number] = texts[number] if settled is None else settled
        return [_without_gaps(text) for text in cleaned]

    def _settle(self, text: str, hits: list[tuple[int, int]]) -> str | None:
        """`text` with every line at rest under all rules; None when one does not come to rest."""
        if not hits:
            return text
        if len(hits) * CROWDED > len(text):
            return self._settle_whole(text)
        pieces: list[str] = []
        changed: list[int] = []
        done = at = 0
        while at < len(hits):
            place, mask = hits[at]
            start, end = text.rfind("\n", 0, place + 1), text.find("\n", place + 1)
            end = len(text) if end < 0 else end
            at += 1
            while at < len(hits) and hits[at][0] < end:
                mask |= hits[at][1]
                at += 1
            line = text[start:end]
            new = self._apply(mask, line)
            if new != line:
                pieces += (text[done:start], new)
                changed.append(len(pieces) - 1)
                done = end
        pieces.append(text[done:])
        for _ in range(ROUNDS):
            if not changed:
                return "".join(pieces)
            changed = self._settle_pieces(pieces, changed)
        return None

    def _settle_pieces(self, pieces: list[str], numbers: list[int]) -> list[int]:
        """Apply to the pieces `numbers` the rules triggered in them; the numbers of those that changed."""
        hits = self._hits("".join([pieces[number] for number in numbers]))
        changed = []
        at = end = 0
        for number in numbers:
            end += len(pieces[number])
            mask = 0
            while at < len(hits) and hits[at][0] < end:
                mask |= hits[at][1]
                at += 1
            if mask:
                new = self._apply(mask, pieces[number])
                if new != pieces[number]:
                    pieces[number] = new
                    changed.append(number)
        return changed

    def _settle_whole(self, text: str) -> str | None:
        for _ in range(ROUNDS):
            before = text
            for rule in self.by_line:
                if rule.may_match(text):
                    text = rule.pattern.sub(rule.replacement, text)
            text = text.rstrip(" ")
            if text == before:
                return text
        return None

    def _hits(self, text: str) -> list[tuple[int, int]]:
        """Place of each trigger and the rules it calls, in order of place."""
        hits: list[tuple[int, int]] = []
        for string, mask in self.strings:
            at = text.find(string)
            while at >= 0:
                hits.append((at, mask))
                at = text.find(string, at + 1)
        if self.after_space:
            # A text has too many spaces for Python to stop at each.
            data = text.encode("latin-1", "replace")
            spaces = np.frombuffer(data, np.uint8) == ord(" ")
            wanted = np.frombuffer(data.translate(self.after_space_table), np.bool_)
            for place in np.flatnonzero(spaces[:-1] & wanted[1:]).tolist():
                called = self.after_space.get(text[place + 1])
                if called:
                    hits.append((place, called))
        for pattern, mask in self.patterns:
            first = pattern.search(text)
            if first:
                hits += [(match.start(), mask) for match in pattern.finditer(text, first.start())]
        if len(hits) > 1:
            hits.sort()
        return hits

    def _apply(self, mask: int, line: str) -> str:
        rules = self._called.get(mask)
        if rules is None:
            called = (rule for number, rule in enumerate(self.by_line) if mask >> number & 1)
            rules = self._called[mask] = [(rule.after, rule.pattern.sub, rule.replacement) for rule in called]
        new = line
        for string, substitute, replacement in rules:
            if string in new:
                new = substitute(replacement, new)
        if new != line:
            for string, substitute, replacement in self.after:
                if string in new:
                    new = substitute(replacement, new)
        return new.rstrip(" ")


def _without_gaps(text: str) -> str:
    """`text` with at most one empty line in a row, and without white space at its ends."""
    return (_BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text).strip()


def _is_spaced(trigger: str) -> bool:
    return len(trigger) == 2 and trigger[0] == " "


def _counting(rule: Rule, counts: dict[str, RuleCount]) -> Rule:
    """`rule` with a replacement that notes in `counts` what it changes."""

    def replace(match: re.Match[str]) -> str:
        new = rule.replacement(match) if callable(rule.replacement) else match.expand(rule.replacement)
        if new != match[0]:
            old = counts.get(rule.name, RuleCount(0, 0))
            counts[rule.name] = RuleCount(old.matches + 1, old.characters + len(match[0]) - len(new))
        return new

    return dataclasses.replace(rule, replacement=replace)
