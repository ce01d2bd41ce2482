"""Lines in capitals get sentence case; a name keeps the capital that the rest of its document writes it with."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import lru_cache

from babyllama.corpus.cleaning.rules import Rule

_WORD = re.compile(r"[^\W\d_]+")
_WORD_WITH_APOSTROPHES = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_FIRST_LETTER = re.compile(r"\A\W*[^\W\d_]")
_SENTENCE_START = re.compile(r"[.!?…][\s\"'“”’)\]]+[^\W\d_]")
_PRONOUN_I = re.compile(r"i(?<!\wi)(?![\w.])")
_MIXED_LINE = re.compile(r"\n([^\n]*[a-z][^\n]*)")
# What follows a word in lower case (a name, or several in a row) or a comma.
_INSIDE_A_SENTENCE = re.compile(
    r"(?:(?<![\w'’])([a-z][\w'’]*)|(?<=,)) ((?:[A-Z](?:[^\W\d_]+|(?=['’][A-Z]))(?:['’][^\W\d_]+)*(?: (?=[A-Z])|(?![\w'’])))+)"
)
_SHORT = 4
"""Letters up to which a word all in capitals, behind one in lower case, is an abbreviation and not shouted."""


def _recased(match: re.Match[str]) -> str:
    line = match[0]
    words = [word for word in _WORD.findall(line) if len(word) > 1]
    if len(words) < 2 or sum(map(len, words)) < 6 or not line.isupper():
        return line
    names = _names(match.string)
    line = _WORD_WITH_APOSTROPHES.sub(lambda word: _named(word[0], names), line.lower())
    line = _FIRST_LETTER.sub(_upper, line, count=1)
    return _PRONOUN_I.sub("I", _SENTENCE_START.sub(_upper, line))


def _upper(match: re.Match[str]) -> str:
    return match[0].upper()


def _named(word: str, names: Mapping[str, str]) -> str:
    if word in names:
        return names[word]
    start = re.split("['’](?!t$)", word, maxsplit=1)[0]
    return names[start] + word[len(start) :] if start in names else word


@lru_cache(maxsize=2)  # one document is asked for again and again
def _names(text: str) -> Mapping[str, str]:
    """The words that `text` writes with a capital inside a sentence and never without one, by their lower case."""
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    common: set[str] = set()
    for line in _MIXED_LINE.findall(text):
        common.update(word for word in _WORD_WITH_APOSTROPHES.findall(line) if word[0].islower())
        for before, found in _INSIDE_A_SENTENCE.findall(line):
            for word in found.split():
                if len(word) <= _SHORT and before if word.isupper() else not word.endswith(("n't", "n’t")):
                    forms[word.lower()][word] += 1
    return {word: found.most_common(1)[0][0] for word, found in forms.items() if word not in common}


SHOUTING = Rule(
    "shouting",
    "a line in capitals (two words or more) gets sentence case; a name keeps its capital where the same document writes it "
    "with one elsewhere",
    r"\n[^a-z\n]++(?=\n)",
    _recased,
    across_lines=True,
)
