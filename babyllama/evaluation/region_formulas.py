"""Predictions of SyntaxGym: `((6;%match_sing%) < (6;%mismatch_sing%)) & ...`, read by a parser of their own and nothing else.

(6;%match_sing%) is the surprisal of region 6 of a condition, (*;%match_sing%) that of its whole sentence. + and - bind closest, then
one comparison (<, >, =), then & and | from left to right; round and square brackets group. So does cpllab/syntaxgym-core, of
which the tolerance of = comes as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from babyllama.errors import DataError

SURPRISALS = Mapping[str, Mapping[int, Any]]
"""Condition -> region -> bits: numbers, or arrays of one shape that are judged element by element."""
_RELATIVE, _ABSOLUTE = 1e-5, 1e-3
"""Two sums this close are equal: by the larger share of the right one, and by bits."""
_TOKEN = re.compile(
    r"(?P<region>\(\s*(?P<number>\d+|\*)\s*;\s*%(?P<condition>[^%]+)%\s*\))|(?P<value>\d+\.?\d*|\.\d+)|(?P<sign>[-+<>=&|()\[\]])"
)
_CLOSING = {"(": ")", "[": "]"}
_LEVELS = (("&|", True), ("<>=", False), ("+-", True))
"""Operators, the loosest first, and whether they follow one another."""
_DEEPEST = 50


@dataclass(frozen=True)
class _Node:
    kind: str
    """An operator, `region` or `value`."""
    left: Any
    right: Any = None

    @property
    def is_truth(self) -> bool:
        return self.kind in "&|<>="


@dataclass(frozen=True)
class RegionFormula:
    """One prediction."""

    text: str
    root: _Node
    regions: frozenset[tuple[str, int | None]]
    """(condition, region) of all that it names; None is the whole sentence."""

    @classmethod
    def parse(cls, text: str, where: str) -> RegionFormula:
        """The prediction in `text`; DataError saying `where`, and at which character, when it is none."""
        return _Parser(text, where).formula()

    def holds(self, surprisals: SURPRISALS) -> Any:
        """Does it hold? A bool, or an array of them. What is not a number holds in no comparison."""
        return _evaluate(self.root, surprisals)


class _Parser:
    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        self.regions: set[tuple[str, int | None]] = set()
        self.tokens: list[re.Match[str]] = []
        self.at = 0
        place = 0
        while (place := place + len(text[place:]) - len(text[place:].lstrip())) < len(text):
            token = _TOKEN.match(text, place)
            if token is None:
                raise self.wrong(place, "is nothing that a prediction is made of")
            self.tokens.append(token)
            place = token.end()

    def formula(self) -> RegionFormula:
        root = self.level(0, 0)
        if self.at < len(self.tokens):
            raise self.wrong(self.tokens[self.at].start(), "is too much")
        if not root.is_truth:
            raise self.wrong(0, "compares nothing (<, > or =), so that it neither holds nor fails")
        return RegionFormula(self.text, root, frozenset(self.regions))

    def level(self, number: int, depth: int) -> _Node:
        """An expression of the operators of `_LEVELS[number]` and those that bind closer."""
        if number == len(_LEVELS):
            return self.atom(depth)
        operators, repeated = _LEVELS[number]
        found = self.level(number + 1, depth)
        while (token := self.next_sign(operators)) is not None:
            right = self.level(number + 1, depth)
            for side in (found, right):
                if side.is_truth != (number == 0):
                    what = "joins what was compared" if number == 0 else "takes surprisals and numbers, no comparisons"
                    raise self.wrong(token.start(), what)
            found = _Node(token[0], found, right)
            if not repeated:
                break
        return found

    def atom(self, depth: int) -> _Node:
        sign = self.next_sign("+-")
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        if token is None:
            raise self.wrong(len(self.text), "ends where a region, a number or a bracket belongs")
        self.at += 1
        if token["value"] is not None:
            return _Node("value", float(token[0]) * (-1 if sign is not None and sign[0] == "-" else 1))
        if sign is not None:
            raise self.wrong(sign.start(), "is a sign of something that is no number")
        if token["region"] is not None:
            region = token["condition"], None if token["number"] == "*" else int(token["number"])
            self.regions.add(region)
            return _Node("region", *region)
        if token[0] not in _CLOSING:
            raise self.wrong(token.start(), "stands where a region, a number or a bracket belongs")
        if depth == _DEEPEST:
            raise self.wrong(token.start(), f"opens more than {_DEEPEST} brackets within each other")
        inner = self.level(0, depth + 1)
        if self.next_sign(_CLOSING[token[0]]) is None:
            raise self.wrong(token.start(), "is never closed")
        return inner

    def next_sign(self, signs: str) -> re.Match[str] | None:
        """The next token, taken, if it is one of `signs`."""
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        if token is None or token["sign"] is None or token[0] not in signs:
            return None
        self.at += 1
        return token

    def wrong(self, place: int, what: str) -> DataError:
        shown = self.text[place : place + 20]
        return DataError(f"{self.where}: {self.text!r}: at character {place + 1} {shown!r} {what}.")


def _evaluate(node: _Node, surprisals: SURPRISALS) -> Any:
    if node.kind == "value":
        return node.left
    if node.kind == "region":
        own = surprisals[node.left]
        return sum(own.values()) if node.right is None else own[node.right]
    left, right = _evaluate(node.left, surprisals), _evaluate(node.right, surprisals)
    match node.kind:
        case "+":
            return left + right
        case "-":
            return left - right
        case "<":
            return left < right
        case ">":
            return left > right
        case "=":
            return np.abs(left - right) <= _ABSOLUTE + _RELATIVE * np.abs(right)
        case "&":
            return np.logical_and(left, right)
        case _:
            return np.logical_or(left, right)
