"""What a cleaner is made of: named rules, each one regular expression, applied to the lines that need them.

A cleaner must look at every character of a corpus but changes few of them. So the work goes in three steps:

1. rules that apply to most lines of their domain (`Cleaner.bulk`) run over the whole document;
2. all rules' triggers (`babyllama.corpus.cleaning.triggers`) point out the lines where a rule could still apply, and
   these rules are applied to these lines;
3. lines that changed go through step 2 again until none changes, at most `ROUNDS` times.

So a cleaned text is one in which no rule changes any line, and cleaning it again changes nothing: a cleaner is
idempotent. A text on which it does not come to rest loses white space only, which is idempotent too. Each expression is
linear in the length of its line, and so is the whole.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from babyllama.corpus.cleaning.triggers import Hit, LineStart, StartsWith, Trigger, Triggers

ROUNDS = 12
CROWDED = 25
"""With a trigger in less than this many characters on average, going line by line would cost more than it saves."""

_BLANK_LINES = re.compile("\n{3,}")
_BETWEEN = "\nendofdocument\n"
"""Stands between documents cleaned together: a line that no rule has a reason to touch."""
_END_OF_PIECE = "\nendofpiece"
"""The same between lines, which bring their line break along."""

Replacement = str | Callable[[re.Match[str]], str]


@dataclass(frozen=True)
class Rule:
    """One kind of change. Every line it sees starts after a line break, so that its pattern may start with one."""

    name: str
    what: str
    """What it does, for tables and help."""
    pattern: re.Pattern[str]
    replacement: Replacement = ""
    triggers: tuple[str | re.Pattern[str] | StartsWith, ...] = ()
    """One of them occurs on every line where the pattern matches; none given: the pattern itself."""
    line_start: tuple[str, ...] = ()
    """For a pattern that starts with a line break: for each of the first characters behind it, an expression of what
    a match may have there, empty for anything. Lines are then looked up by these instead of searched."""
    speech: bool = False
    """It removes speaker labels, stage directions or annotations, which `keep_speakers` keeps."""
    after: str = ""
    """A string that every match contains; with it the rule also runs on each line that another rule changed, for spaces
    that rules leave."""
    across_lines: bool = False
    """Its matches may span lines, so that it only runs over whole documents."""
    shortcut: Callable[[str], str] | None = None
    """Does the same to a whole text, faster than the pattern."""
    once: bool = False
    """For a rule across lines: no other rule makes work for it."""

    def apply(self, text: str) -> str:
        """`text` with every match replaced."""
        return self.shortcut(text) if self.shortcut else self.pattern.sub(self.replacement, text)

    def may_match(self, text: str) -> bool:
        """Whether a search is worth its time."""
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
        self.repeated = tuple(rule for rule in self.over_all if rule.across_lines and not rule.once)
        self.by_line = tuple(rule for rule in rules if not rule.across_lines)
        self.after = [rule for rule in self.by_line if rule.after]
        masks: dict[Trigger, int] = {}
        for number, rule in enumerate(self.by_line):
            own = LineStart(rule.pattern, rule.line_start) if rule.line_start else rule.pattern
            for trigger in rule.triggers or (own,):
                masks[trigger] = masks.get(trigger, 0) | 1 << number
        self.triggers = Triggers(masks)
        self._called: dict[int, list[int]] = {}

    def clean(self, text: str) -> str:
        current = "\n" + text.strip()
        for _ in range(ROUNDS):
            before = current
            for rule in self.over_all:
                if rule.may_match(current):
                    current = rule.apply(current)
            lined = self._settle(current, self.triggers.find(current))
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
                together = rule.apply(together)
        sizes = np.array([len(text) for text in together[1:].split(_BETWEEN)])
        hits = self.triggers.find(together)
        owners = np.searchsorted(np.cumsum(sizes + len(_BETWEEN)), [place for place, _ in hits], side="right")
        crowded = np.bincount(owners, minlength=len(sizes)) * CROWDED > sizes + 1
        if crowded.any():
            hits = [hit for hit, alone in zip(hits, crowded[owners].tolist(), strict=True) if not alone]
        settled = self._settle(together, hits)
        cleaned = settled[1:].split(_BETWEEN) if settled is not None else []
        if len(cleaned) != len(texts):
            return [self.clean(text) for text in texts]
        return [
            self.clean(text) if alone else _without_gaps(new)
            for text, new, alone in zip(texts, cleaned, crowded.tolist(), strict=True)
        ]

    def _settle(self, text: str, hits: list[Hit]) -> str | None:
        """`text` with every line at rest under all rules; None when one does not come to rest."""
        if not hits:
            return text
        if len(hits) * CROWDED > len(text):
            return self._settle_whole(text)
        pieces: list[str] = []
        numbers: list[int] = []
        masks: list[int] = []
        done = at = 0
        while at < len(hits):
            place, mask = hits[at]
            start, end = text.rfind("\n", 0, place + 1), text.find("\n", place + 1)
            end = len(text) if end < 0 else end
            at += 1
            while at < len(hits) and hits[at][0] < end:
                mask |= hits[at][1]
                at += 1
            pieces += (text[done:start], text[start:end])
            numbers.append(len(pieces) - 1)
            masks.append(mask)
            done = end
        pieces.append(text[done:])
        for _ in range(ROUNDS):
            numbers = self._apply(pieces, numbers, masks)
            if not numbers:
                return "".join(pieces)
            numbers, masks = self._triggered(pieces, numbers)
        return None

    def _triggered(self, pieces: list[str], numbers: list[int]) -> tuple[list[int], list[int]]:
        """Those of the pieces `numbers` that hold a trigger, and the rules called there."""
        hits = self.triggers.find("".join([pieces[number] for number in numbers]))
        triggered, masks = [], []
        at = end = 0
        for number in numbers:
            end += len(pieces[number])
            mask = 0
            while at < len(hits) and hits[at][0] < end:
                mask |= hits[at][1]
                at += 1
            if mask:
                triggered.append(number)
                masks.append(mask)
        return triggered, masks

    def _apply(self, pieces: list[str], numbers: list[int], masks: list[int]) -> list[int]:
        """Apply to each of the pieces `numbers` the rules called there; the numbers of those that changed."""
        before = [pieces[number] for number in numbers]
        called: list[list[int]] = [[] for _ in self.by_line]
        for number, mask in zip(numbers, masks, strict=True):
            for position in self._rules_of(mask):
                called[position].append(number)
        for rule, wanted in zip(self.by_line, called, strict=True):
            _substitute(rule, pieces, wanted)
        changed = [number for number, old in zip(numbers, before, strict=True) if pieces[number] != old]
        for rule in self.after:
            _substitute(rule, pieces, [number for number in changed if rule.after in pieces[number]])
        for number in numbers:
            pieces[number] = pieces[number].rstrip(" ")
        return [number for number, old in zip(numbers, before, strict=True) if pieces[number] != old]

    def _rules_of(self, mask: int) -> list[int]:
        rules = self._called.get(mask)
        if rules is None:
            rules = self._called[mask] = [number for number in range(len(self.by_line)) if mask >> number & 1]
        return rules

    def _settle_whole(self, text: str) -> str | None:
        for _ in range(ROUNDS):
            before = text
            for rule in self.by_line:
                if rule.may_match(text):
                    text = rule.apply(text)
            text = text.rstrip(" ")
            if text == before:
                return text
        return None


def _substitute(rule: Rule, pieces: list[str], numbers: list[int]) -> None:
    """Apply `rule` to each of the pieces `numbers`, to all of them in one call, each followed by a line break."""
    if not numbers:
        return
    *new, end = rule.apply("".join([pieces[number] + _END_OF_PIECE for number in numbers])).split(_END_OF_PIECE)
    if end or len(new) != len(numbers):  # a text that holds this very line
        new = [rule.apply(pieces[number] + "\n")[:-1] for number in numbers]
    for number, piece in zip(numbers, new, strict=True):
        pieces[number] = piece


def _without_gaps(text: str) -> str:
    """`text` with at most one empty line in a row, and without white space at its ends."""
    return (_BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text).strip()


def _counting(rule: Rule, counts: dict[str, RuleCount]) -> Rule:
    """`rule` with a replacement that notes in `counts` what it changes."""

    def replace(match: re.Match[str]) -> str:
        new = rule.replacement(match) if callable(rule.replacement) else match.expand(rule.replacement)
        if new != match[0]:
            old = counts.get(rule.name, RuleCount(0, 0))
            counts[rule.name] = RuleCount(old.matches + 1, old.characters + len(match[0]) - len(new))
        return new

    return dataclasses.replace(rule, replacement=replace, shortcut=None)
