"""Lines in capitals get sentence case; a name keeps the capital that the rest of its document writes it with."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cached_property, lru_cache

from babyllama.corpus.cleaning.rules import Rule

_WORD = re.compile(r"[^\W\d_]+")
_WORD_WITH_APOSTROPHES = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_FIRST_LETTER = re.compile(r"\A\W*[^\W\d_]")
_SENTENCE_START = re.compile(r"[.!?…][\s\"'“”’)\]]+[^\W\d_]")
_PRONOUN_I = re.compile(r"i(?<!\wi)(?![\w.])")
_PUNCTUATION = ".,;:!?…-–—\"'“”‘’()[]*#♪"
_CAPITALISED = re.compile(r" ([A-Z]\S*+|(?=[^\x00-\x7f])(?=[^\W\d_])\S++)")
_LONGER = 12
"""Characters beyond which a line is a sentence rather than a word."""
_NEAR = 200
"""Characters on each side of a line in which two neighbours are looked for."""
_MOST_NAMES = 5
"""Words with a capital that may follow one another inside a sentence."""
_EXCLAIMED = {
    "BYE",
    "DAD",
    "HEY",
    "HOW",
    "MAN",
    "MOM",
    "MUM",
    "NOW",
    "RUN",
    "SEE",
    "SIR",
    "WHO",
    "WHY",
    "YEP",
    "YES",
    "YOU",
}
"""Words of three letters that are no abbreviation where a line holds no other."""
_SHORT = 4
"""Letters up to which a word all in capitals, behind one in lower case, is an abbreviation and not shouted."""


class _Document:
    """What a document writes with a capital."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._places: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        """By the lower case of a word: its forms with a capital, and the spaces before each."""
        by_word: dict[str, list[int]] = defaultdict(list)
        for match in _CAPITALISED.finditer(text):
            by_word[match[1]].append(match.start())
        for word, places in by_word.items():
            form = word.strip(_PUNCTUATION).removesuffix("'s")
            self._places[form.lower()][form] += places
        self._names: dict[str, str] = {}

    @cached_property
    def _words(self) -> set[str]:
        """Looked up last, since to collect them takes longest."""
        return set(self._text.split())

    def written(self, word: str) -> str:
        """`word`, which is in lower case, as the document writes it where it is a name."""
        if word not in self._names:
            forms = self._places.get(word, {})
            counts = {form: self._inside(form, places) for form, places in forms.items()}
            best = max(counts, key=counts.__getitem__, default=word)
            name = counts.get(best) and not any(word + mark in self._words for mark in ("", ",", ".", "?", "!", "..."))
            self._names[word] = best if name else word
        return self._names[word]

    def _inside(self, form: str, places: list[int]) -> int:
        """How often `form` stands inside a sentence: behind a comma, a word in lower case, or names behind such a one."""
        if form.endswith(("n't", "n’t")) or (form.isupper() and not 1 < len(form) <= _SHORT):
            return 0
        before = map(self._before, places)
        return sum(word[:1].islower() or (word[-1:] == "," and not form.isupper()) for word in before)

    def _before(self, end: int) -> str:
        """The word before the space at `end`, where no sentence ends there; of several in capitals the one before them."""
        for _ in range(_MOST_NAMES):
            if not self._text[end - 1].isalnum() and self._text[end - 1] not in ",'’":
                break
            start = max(self._text.rfind(" ", 0, end), self._text.rfind("\n", 0, end)) + 1
            before = self._text[start:end]
            if not before[:1].isupper() or before[-1:] == ",":
                return before
            end = start - 1
        return ""


_document = lru_cache(maxsize=2)(_Document)  # one document is asked for again and again


def _among_shouts(match: re.Match[str]) -> bool:
    """Whether the lines before and behind are in capitals, so that a line of one word is too because of that."""
    text = match.string
    before = text[max(0, match.start() - _NEAR) : match.start()].rsplit("\n", 2)[1:]
    behind = text[match.end() : match.end() + _NEAR].split("\n", 3)[1:3]
    near = [line for line in before + behind if len(line) > _LONGER]
    return 2 * sum(map(str.isupper, near)) > len(near)


def _recased(match: re.Match[str]) -> str:
    line = match[0]
    if not line.isupper():
        return line
    words = [word for word in _WORD.findall(line) if len(word) > 1]
    if not words or (len(words) == 1 and len(words[0]) < 4 and words[0] not in _EXCLAIMED):
        return line
    if (len(words) < 2 or sum(map(len, words)) < 6) and not _among_shouts(match):
        return line
    document = _document(match.string)
    line = _WORD_WITH_APOSTROPHES.sub(lambda word: _named(word[0], document), line.lower())
    line = _FIRST_LETTER.sub(_upper, line, count=1)
    return _PRONOUN_I.sub("I", _SENTENCE_START.sub(_upper, line))


def _named(word: str, document: _Document) -> str:
    name = document.written(word)
    if name != word or not ("'" in word or "’" in word):
        return name
    start = re.split("['’](?!t$)", word, maxsplit=1)[0]
    return document.written(start) + word[len(start) :]


def _upper(match: re.Match[str]) -> str:
    return match[0].upper()


SHOUTING = Rule(
    "shouting",
    "a line in capitals (two words or more, one where its neighbours are in capitals) gets sentence case; a name keeps "
    "its capital where the same document writes it with one elsewhere",
    r"\n[^a-z\n]{3,}+(?=\n)",
    _recased,
    across_lines=True,
)
