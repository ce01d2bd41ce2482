"""What a cleaner is made of: named rules, each one regular expression.

`apply_rules` is what a cleaner means; `babyllama.corpus.cleaning.fast` does the same sooner.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

MOST_CHANGES = 200
"""Of a line, and rounds of a text: many times what real text needs, so that no text, however nested, takes for ever."""

Replacement = str | Callable[[re.Match[str]], str]


@dataclass(frozen=True)
class Rule:
    """One kind of change: every match of `pattern` is replaced.

    What a rule sees starts and ends with a line break, so that `\\n` stands for the start of a line and `(?=\\n)` for its
    end. A pattern takes time linear in the length of the text.
    """

    name: str
    what: str
    """What it does, for tables and help."""
    pattern: str
    replacement: Replacement = field(default="", repr=False)
    needs: tuple[str, ...] = ()
    """One of these strings stands in every line that the rule changes (for a rule across lines: in every text), so that no
    others are searched. As the second of two characters `?` stands for any beyond Latin-1 as well."""
    speech: bool = False
    """It removes speaker labels, stage directions or annotations, which `keep_speakers` keeps."""
    across_lines: bool = False
    """It sees the whole text; other rules see one line at a time."""
    characters: bool = False
    """It replaces single control characters or characters beyond ASCII, whatever stands beside them, and leaves of `\\r\\n`
    the `\\n`. It is applied once, before the others, which make no work for it."""

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern, compiled."""
        return re.compile(self.pattern)

    def apply(self, text: str) -> str:
        """`text` with every match replaced."""
        return self.compiled.sub(self.replacement, text)


def apply_rules(rules: Sequence[Rule], text: str) -> str:
    """What `rules` mean: they are applied one after another, and again, until nothing changes.

    Rules on lines that follow one another are applied as one step: to each line the first of them that changes it, and
    again from the first, until none does. So cleaning what is clean changes nothing. White space at the ends goes.
    """
    for rule in rules:
        if rule.characters:
            text = rule.apply(text)
    repeated = [rule for rule in rules if not rule.characters]
    for _ in range(MOST_CHANGES):
        before = text
        text = f"\n{text.strip()}\n"
        for across_lines, group in groupby(repeated, lambda rule: rule.across_lines):
            if across_lines:
                for rule in group:
                    text = rule.apply(text)
            else:
                on_lines = tuple(group)
                text = "".join(at_rest(on_lines, "\n" + line) for line in text[1:-1].split("\n")) + "\n"
        text = text.strip()
        if text == before:
            break
    return text


def at_rest(rules: Sequence[Rule], line: str) -> str:
    """What `rules` make of `line`, which starts with its line break: a line, several, or nothing."""
    for _ in range(MOST_CHANGES):
        for rule in rules:
            new = rule.apply(line + "\n")[:-1]
            if new != line:
                line = new
                break
        else:
            break
    return line
