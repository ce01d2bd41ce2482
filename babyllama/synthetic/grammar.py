"""Derivation: from the rules of `clauses` and `plots` to sentence skeletons.

A skeleton is a sentence with everything decided but the words drawn from tables: which rule, which number, which
tense. Drawing a word for each of its keys gives a sentence, so a text costs one table look-up for every two words.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from babyllama.synthetic.clauses import SENTENCES
from babyllama.synthetic.plots import BEATS, FRAME_VERBS, PLOTS
from babyllama.synthetic.vocabulary import COMPLEXITIES

TENSES = ("past", "pres")
PRONOUNS = {
    "he": ("he", "she"),
    "He": ("He", "She"),
    "him": ("him", "her"),
    "his": ("his", "her"),
    "His": ("His", "Her"),
    "self": ("himself", "herself"),
}
# One control character (white space excepted) stands for each recurring participant until a document is complete.
MARKERS = dict(
    zip(
        [name for hero in "AB" for name in (hero, *(f"{hero}.{word}" for word in PRONOUNS))]
        + ["X", "Xs", "Y", "Ys", "P"],
        [chr(code) for code in (*range(1, 9), *range(14, 25))],
        strict=True,
    )
)

_AUXILIARIES = {
    ("be", "past", "sg"): "was",
    ("be", "past", "pl"): "were",
    ("be", "pres", "sg"): "is",
    ("be", "pres", "pl"): "are",
    ("have", "past", "sg"): "had",
    ("have", "past", "pl"): "had",
    ("have", "pres", "sg"): "has",
    ("have", "pres", "pl"): "have",
    ("do", "past", "sg"): "did",
    ("do", "past", "pl"): "did",
    ("do", "pres", "sg"): "does",
    ("do", "pres", "pl"): "do",
}
_REFLEXIVES = {"male": "himself", "female": "herself", "pl": "themselves"}
_TOKEN = re.compile(r"<[^>]+>|\[[^\]]+\]|\S+")
_DOMAINS = {**dict.fromkeys("nmk", ("sg", "pl")), "g": ("male", "female")}


_CLOSING = (".", ",", "?", "!", ":", "''")
_QUOTES = {"``": '"', "''": '"'}


class Skeleton(NamedTuple):
    """A sentence to be completed: `template % words`, one word for each of `keys`, which name tables of a world."""

    template: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class _Rule:
    parameters: list[str]
    alternatives: list[list[str]]
    weights: list[int]


def finite(number: str, tense: str) -> str:
    """The verb form of a finite verb: past, or in the present `s` for a singular and `base` for a plural subject."""
    if tense == "past":
        return "past"
    return "s" if number == "sg" else "base"


def auxiliary(verb: str, number: str, tense: str) -> str:
    """The finite form of be, have or do."""
    return _AUXILIARIES[verb, tense, number]


class Grammar:
    """The rules of one complexity. `derive` draws a skeleton; everything random comes from the caller's generator."""

    def __init__(self, complexity: str) -> None:
        level = COMPLEXITIES.index(complexity)
        self.rules: dict[str, _Rule] = {}
        for line in (SENTENCES + BEATS).splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            if not line.startswith(" "):
                name, *parameters = line.split()
                rule = self.rules[name] = _Rule(parameters, [], [])
                continue
            weight, tokens = line.strip().split(maxsplit=1)
            if "smr".find(weight[-1]) <= level:
                rule.alternatives.append(_TOKEN.findall(tokens))
                rule.weights.append(int(weight.rstrip("mr")))
        self.plots = [line.split() for line in PLOTS.strip().splitlines()]

    def derive(self, rng: random.Random, text: str, tense: str, *, capital: bool = True) -> Skeleton:
        """A skeleton of `text`, which is tokens in rule notation; `capital` says whether a sentence begins here."""
        return _assemble(self._expand(rng, _TOKEN.findall(text), {}, tense), capital)

    def sample(self, rng: random.Random, name: str, count: int, tense: str) -> list[Skeleton]:
        """About `count` skeletons of the rule `name`, each alternative as often as its weight asks for."""
        rule = self.rules[name]
        return [
            _assemble(self._expand(rng, tokens, {}, tense), capital=True)
            for tokens, weight in zip(rule.alternatives, rule.weights, strict=True)
            for _ in range(round(count * weight / sum(rule.weights)))
        ]

    def _expand(self, rng: random.Random, tokens: list[str], bound: dict[str, str], tense: str) -> list[str]:
        def value(argument: str) -> str:
            if argument == "o":
                return "pl" if value("n") == "sg" else "sg"
            if argument not in _DOMAINS and argument not in bound:
                return argument
            if argument not in bound:
                bound[argument] = rng.choice(_DOMAINS[argument])
            return bound[argument]

        keys: list[str] = []
        for token in tokens:
            if token[0] == "<":
                name, *arguments = token[1:-1].split()
                keys += self._rule(rng, name, value, [value(argument) for argument in arguments], tense)
            elif token[0] == "[":
                kind, *arguments = token[1:-1].split()
                keys.append(_table_key(kind, [value(argument) for argument in arguments], tense))
            else:
                keys.append("=" + MARKERS.get(token, token))
        return keys

    def _rule(
        self, rng: random.Random, name: str, value: Callable[[str], str], arguments: list[str], tense: str
    ) -> list[str]:
        stem, _, variant = name.partition(".")
        bound: dict[str, str] = {}
        if variant:
            number = value(variant)
            name = f"{stem}.{number}"
            if name not in self.rules:
                name, bound = f"{stem}.n", {"n": number}
        rule = self.rules[name]
        bound |= dict(zip(rule.parameters, arguments, strict=True))
        tokens = rng.choices(rule.alternatives, rule.weights)[0]
        return self._expand(rng, tokens, bound, tense)


def _table_key(kind: str, arguments: list[str], tense: str) -> str:
    if kind in ("be", "have", "do"):
        return "=" + auxiliary(kind, arguments[0], tense)
    if kind == "self":
        return "=" + _REFLEXIVES[arguments[0]]
    if kind in ("f", "verb"):
        name, form = arguments
        form = finite(form, tense) if form in ("sg", "pl") else form
        if kind == "f":
            return "=" + FRAME_VERBS[name][("base", "s", "past").index(form)]
        arguments = [name, form]
    return " ".join([kind, *arguments])


def _assemble(keys: list[str], capital: bool) -> Skeleton:
    """Capitals where a sentence or a speech begins, no space before a mark, literals into the template."""
    template = ""
    slots: list[str] = []
    for key in keys:
        if key == "=``":
            capital = True
        elif capital:
            key, capital = _capital(key), False
        adjoins = not template or (template.endswith('"') and template.count('"') % 2) or key[1:] in _CLOSING
        template += "" if adjoins else " "
        if key[0] == "=":
            template += _QUOTES.get(key[1:], key[1:])
        else:
            template += "%s"
            slots.append(key)
    return Skeleton(template, tuple(slots))


def _capital(key: str) -> str:
    if key[0] != "=":
        return "^" + key
    for hero in "AB":
        for word in ("he", "his"):
            if key[1:] == MARKERS[f"{hero}.{word}"]:
                return "=" + MARKERS[f"{hero}.{word.capitalize()}"]
    return "=" + key[1].upper() + key[2:]


@cache
def grammar(complexity: str) -> Grammar:
    """The grammar of `simple`, `medium` or `rich`."""
    return Grammar(complexity)
