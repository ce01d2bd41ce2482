"""A domain's rules as a function of a text."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from babyllama.corpus.cleaning.fast import FastRules
from babyllama.corpus.cleaning.rules import Rule, apply_rules


@dataclass(frozen=True)
class RuleCount:
    """How often a rule changed something and how many characters that took away (negative: added)."""

    matches: int
    characters: int


@dataclass(frozen=True)
class Cleaner:
    """A domain's rules in order. Calling it gives the cleaned text: what `apply_rules` makes of it."""

    name: str
    what: str
    rules: tuple[Rule, ...]

    def __call__(self, text: str, keep_speakers: bool = False) -> str:
        """`text` cleaned; white space at its ends is dropped. `keep_speakers` leaves out the rules on speech."""
        return self.clean_all([text], keep_speakers)[0]

    def clean_all(self, texts: Sequence[str], keep_speakers: bool = False) -> list[str]:
        """The same as calling it for each text; faster where they are short."""
        return self._fast[keep_speakers].apply(texts)

    @cached_property
    def _fast(self) -> tuple[FastRules, FastRules]:
        return FastRules(self.rules_for(False)), FastRules(self.rules_for(True))

    def rules_for(self, keep_speakers: bool) -> tuple[Rule, ...]:
        """The rules that apply: with `keep_speakers` those that are not on speech."""
        return tuple(rule for rule in self.rules if not (keep_speakers and rule.speech))

    def explain(self, text: str, keep_speakers: bool = False) -> tuple[str, Mapping[str, RuleCount]]:
        """The cleaned text and what each rule did to get there; rules that did nothing are left out."""
        counts: dict[str, RuleCount] = {}
        return apply_rules([_counting(rule, counts) for rule in self.rules_for(keep_speakers)], text), counts


def _counting(rule: Rule, counts: dict[str, RuleCount]) -> Rule:
    """`rule` with a replacement that notes in `counts` what it changes."""

    def replace(match: re.Match[str]) -> str:
        new = rule.replacement(match) if callable(rule.replacement) else match.expand(rule.replacement)
        if new != match[0]:
            old = counts.get(rule.name, RuleCount(0, 0))
            counts[rule.name] = RuleCount(old.matches + 1, old.characters + len(match[0]) - len(new))
        return new

    return dataclasses.replace(rule, replacement=replace)
