"""Sentences that a mix leaves out, and what it replaces: `mixing.filter` and `mixing.replace`.

A corpus without one construction is what controlled rearing (Jumelet et al. 2021, Misra and Mahowald 2024) compares with
the whole one. A sentence ends with `.`, `!`, `?` or an ellipsis, perhaps with a closing quote or bracket, before white
space and something other than a lower-case letter, and with its line; `Mr.`, `Dr.`, a single capital and the like end none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from babyllama.artifacts import code_value, fingerprint_value
from babyllama.config.sections import MixingSection
from babyllama.config.sections.mixing import FilterSection
from babyllama.config.tables import PREDICATES
from babyllama.errors import DataError

_BOUNDARY = re.compile(r"[.!?…]+[\"')\]”’]*\s+(?![a-z\s])")
_NO_END = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Rev|Sr|Jr|Capt|Col|Gen|Lt|Sgt|Mt|vs|cf|etc)|(?:^|[\s.(\"])[A-Z])$")
_BLANK_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")
_LONGEST_TITLE = 8
"""Characters before a full stop that may be an abbreviation's."""


def sentences(line: str) -> Iterator[str]:
    """The sentences of one line, each with the white space behind it; joined they are the line."""
    start = 0
    for match in _BOUNDARY.finditer(line):
        before = line[max(0, match.start() - _LONGEST_TITLE) : match.start()]
        if match[0][0] == "." and _NO_END.search(before):
            continue
        yield line[start : match.end()]
        start = match.end()
    if start < len(line):
        yield line[start:]


@dataclass
class Edits:
    """What an editor did to a source."""

    sentences: int = 0
    """Sentences that were looked at."""
    left_out: dict[int, int] = field(default_factory=dict)
    """Sentences that each filter left out; one that two filters would leave out counts for the first."""
    replaced: dict[int, int] = field(default_factory=dict)
    """Matches that each replacement replaced."""


@dataclass(frozen=True)
class _Filter:
    name: str
    leaves_out: Callable[[str], bool]
    settings: list[str]

    @classmethod
    def of(cls, section: FilterSection) -> _Filter:
        way, value = next((way, value) for way, value in section.model_dump().items() if value is not None)
        by_name = way.endswith("_if")
        asked = PREDICATES.get(value) if by_name else re.compile(value)
        holds = asked.search if isinstance(asked, re.Pattern) else _asked(value, asked)
        drops = way.startswith("drop")
        return cls(
            f"{way} {value}",
            lambda sentence: bool(holds(sentence)) == drops,
            [way, value, *([fingerprint_value(code_value(asked))] if by_name else [])],
        )


def _asked(name: str, predicate: Callable[[str], Any]) -> Callable[[str], Any]:
    def ask(sentence: str) -> bool:
        try:
            answer = predicate(sentence)
        except Exception as error:
            raise DataError(
                f"the predicate {name!r} failed on {sentence[:200]!r}: {type(error).__name__}: {error}"
            ) from error
        if answer not in (True, False):
            raise DataError(f"the predicate {name!r} returned {answer!r}; a predicate gives true or false.")
        return bool(answer)

    return ask


@dataclass(frozen=True)
class Editor:
    """Filters and replacements, applied to the cleaned text of a document."""

    filters: tuple[_Filter, ...]
    replacements: tuple[tuple[re.Pattern[str], str], ...]

    @classmethod
    def of(cls, mixing: MixingSection) -> Editor | None:
        """What `mixing` asks for; None where it leaves the text as it is."""
        if not mixing.filter and not mixing.replace:
            return None
        return cls(
            tuple(_Filter.of(one) for one in mixing.filter),
            tuple((re.compile(one.pattern), one.by) for one in mixing.replace),
        )

    @property
    def settings(self) -> dict[str, Any]:
        """What changes when other sentences would be left out, or other text would stand there."""
        return {
            "filter": [one.settings for one in self.filters],
            "replace": [[pattern.pattern, by] for pattern, by in self.replacements],
        }

    def __call__(self, text: str, counts: Edits) -> str:
        """`text` as it is mixed; a line of which nothing is left goes."""
        lines = []
        for line in text.split("\n"):
            kept = self._filtered(line, counts) if self.filters else line
            for number, (pattern, by) in enumerate(self.replacements):
                kept, matches = pattern.subn(by, kept)
                counts.replaced[number] = counts.replaced.get(number, 0) + matches
            if kept.strip() or not line.strip():
                lines.append(kept)
        edited = "\n".join(lines)
        return _BLANK_LINES.sub("\n\n", edited).strip() if edited != text else text

    def _filtered(self, line: str, counts: Edits) -> str:
        kept = []
        for sentence in sentences(line):
            counts.sentences += 1
            bare = sentence.strip()
            for number, one in enumerate(self.filters):
                if bare and one.leaves_out(bare):
                    counts.left_out[number] = counts.left_out.get(number, 0) + 1
                    break
            else:
                kept.append(sentence)
        edited = "".join(kept)
        return edited if edited == line else edited.rstrip()

    def described(self, counts: Edits) -> dict[str, Any]:
        """`counts` as the manifest keeps them."""
        return {
            "sentences": counts.sentences,
            "left_out": [
                {"filter": one.name, "sentences": counts.left_out.get(number, 0)}
                for number, one in enumerate(self.filters)
            ],
            "replaced": [
                {"pattern": pattern.pattern, "by": by, "matches": counts.replaced.get(number, 0)}
                for number, (pattern, by) in enumerate(self.replacements)
            ],
        }
