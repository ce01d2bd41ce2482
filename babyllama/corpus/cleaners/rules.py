"""What a cleaner is made of: named rules, each one regular expression, applied to the lines that need them.

A cleaner must touch every character of a corpus but changes few of them, so the work goes in three steps:

1. rules that apply to most lines of their domain (`Cleaner.bulk`) run over the whole document;
2. all rules' triggers, which are plain strings or expressions that start with one, point out the lines where any rule
   could still apply;
3. those lines, one at a time, go through all rules until nothing changes, at most `ROUNDS` times.

So a cleaned text is one in which no rule applies to any line, and cleaning it again changes nothing: a cleaner is
idempotent. A text on which it does not come to rest is returned as it came, which is idempotent too. Each expression is
linear in the length of its line, and so is the whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

ROUNDS = 8
CROWDED = 60
"""With a trigger in less than this many characters on average, going line by line would cost more than it saves."""

_BLANK_LINES = re.compile("\n{3,}")


@dataclass(frozen=True)
class Rule:
    """One kind of change. Every line it sees starts after a line break, so that its pattern may start with one."""

    name: str
    what: str
    """What it does, for tables and help."""
    pattern: re.Pattern[str]
    replacement: str | Callable[[re.Match[str]], str] = ""
    triggers: tuple[str | re.Pattern[str], ...] = ()
    """One of them occurs on every line where the pattern matches; none given: the pattern itself."""
    speech: bool = False
    """It removes speaker labels, stage directions or annotations, which `keep_speakers` keeps."""
    across_lines: bool = False
    """Its matches may span lines, so that it only runs over whole documents."""
    test: Callable[[str], bool] | None = None
    """A faster look than the triggers at whether a rule across lines has work; no other rule makes work for it."""

    def apply(self, text: str) -> str:
        """`text` after one pass of the rule."""
        return self.pattern.sub(self.replacement, text)


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
            self._plans[keep_speakers] = _Plan.of(rules, self.bulk)

    def __call__(self, text: str, keep_speakers: bool = False) -> str:
        """`text` cleaned; white space at its ends is dropped. `keep_speakers` leaves out the rules on speech."""
        return self._plans[keep_speakers].clean(text, Rule.apply)

    def explain(self, text: str, keep_speakers: bool = False) -> tuple[str, Mapping[str, RuleCount]]:
        """The cleaned text and what each rule did to get there; rules that did nothing are left out."""
        counts: dict[str, RuleCount] = {}

        def counted(rule: Rule, part: str) -> str:
            after, matches = _count_changes(rule, part)
            if matches:
                old = counts.get(rule.name, RuleCount(0, 0))
                counts[rule.name] = RuleCount(old.matches + matches, old.characters + len(part) - len(after))
            return after

        return self._plans[keep_speakers].clean(text, counted), counts


Apply = Callable[[Rule, str], str]


@dataclass(frozen=True)
class _Plan:
    """A cleaner's rules sorted by the way they run."""

    over_all: tuple[Rule, ...]
    by_line: tuple[tuple[Rule, tuple[str, ...]], ...]
    """Each with plain strings to look for first; none: always run."""
    strings: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, rules: tuple[Rule, ...], bulk: frozenset[str]) -> _Plan:
        by_line = [rule for rule in rules if not rule.across_lines]
        triggers = dict.fromkeys(trigger for rule in by_line for trigger in rule.triggers or (rule.pattern,))
        return cls(
            tuple(rule for rule in rules if rule.across_lines or rule.name in bulk),
            tuple((rule, _strings(rule)) for rule in by_line),
            tuple(trigger for trigger in triggers if isinstance(trigger, str)),
            tuple(trigger for trigger in triggers if not isinstance(trigger, str)),
        )

    def clean(self, text: str, apply: Apply) -> str:
        current = "\n" + text.strip()
        for _ in range(ROUNDS):
            before = current
            for rule in self.over_all:
                if _has_work(rule, current):
                    current = apply(rule, current)
            lined = self._clean_lines(current, apply)
            if lined is None:
                return text
            current = "\n" + _BLANK_LINES.sub("\n\n", lined).strip() if "\n\n\n" in lined else "\n" + lined.strip()
            if current == before or not self._left_over(current):
                return current[1:]
        return text

    def _left_over(self, text: str) -> bool:
        """Whether a rule that spans lines could apply again to what the others left."""
        return any(_has_work(rule, text) for rule in self.over_all if rule.across_lines and not rule.test)

    def _clean_lines(self, text: str, apply: Apply) -> str | None:
        """`text` with every line at rest under all rules; None when one does not come to rest."""
        pieces: list[str] = []
        done = 0
        for start, end in self._lines(text):
            cleaned = self._settle(text[start:end], apply)
            if cleaned is None:
                return None
            pieces += (text[done:start], cleaned)
            done = end
        return "".join([*pieces, text[done:]]) if pieces else text

    def _lines(self, text: str) -> Iterator[tuple[int, int]]:
        """Start (its line break) and end of each line with a trigger; crowded text comes as one piece."""
        hits: list[int] = []
        for string in self.strings:
            at = text.find(string)
            while at >= 0:
                hits.append(at)
                at = text.find(string, at + 1)
        for pattern in self.patterns:
            hits += [match.start() for match in pattern.finditer(text)]
        if len(hits) * CROWDED > len(text):
            yield 0, len(text)
            return
        hits.sort()
        end = 0
        for at in hits:
            if at >= end:
                start = text.rfind("\n", 0, at + 1)
                end = text.find("\n", at + 1)
                end = len(text) if end < 0 else end
                yield start, end

    def _settle(self, line: str, apply: Apply) -> str | None:
        for _ in range(ROUNDS):
            before = line
            for rule, strings in self.by_line:
                if not strings or any(string in line for string in strings):
                    line = apply(rule, line)
            line = line.rstrip(" ")
            if line == before:
                return line
        return None


def _strings(rule: Rule) -> tuple[str, ...]:
    """The rule's triggers as a cheap test on a line, if they are all plain strings."""
    plain = tuple(trigger for trigger in rule.triggers if isinstance(trigger, str))
    return plain if len(plain) == len(rule.triggers) else ()


def _has_work(rule: Rule, text: str) -> bool:
    if rule.test:
        return rule.test(text)
    return any(
        trigger in text if isinstance(trigger, str) else trigger.search(text)
        for trigger in rule.triggers or (rule.pattern,)
    )


def _count_changes(rule: Rule, text: str) -> tuple[str, int]:
    changed = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal changed
        new = rule.replacement(match) if callable(rule.replacement) else match.expand(rule.replacement)
        changed += new != match[0]
        return new

    return rule.pattern.sub(replace, text), changed
