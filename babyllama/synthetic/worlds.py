"""Worlds: the word tables a document draws from, fixed by its topic and by which buckets its nouns may come from."""

from __future__ import annotations

from functools import cache

from babyllama.synthetic.grammar import MARKERS
from babyllama.synthetic.inflection import Noun, Verb, with_article
from babyllama.synthetic.plots import CLOSED
from babyllama.synthetic.vocabulary import (
    ADJECTIVE_CLASSES,
    BUCKETS,
    DEMONSTRATIVE_BUCKET,
    SPLITS,
    VERB_FRAMES,
    Vocabulary,
    vocabulary,
)

TABLE_SIZE = 256
# Tables that depend on the topic.
_TOPICAL = ("noun", "anoun")
# A topic's own words are this much likelier than words common to all topics.
_OWN_WEIGHT = 2
# Of the nouns that fit, the share (in parts of the whole table) that goes to the document's recurring noun.
_RECURRING_SHARE = 0.3

_RECURRING = {"thing": "X", "anim": "Y", "place": "P"}

_DETERMINERS = {
    "sg": ["the", "the", "the", "the", "that", "one", "another", "each", "every"],
    "pl": ["the", "the", "the", "the", "those", "some", "many", "several", "all", "most"],
}
_NEAR_DEMONSTRATIVES = {"sg": ["this"] * 4, "pl": ["these"] * 4}


class World(dict[str, list[str]]):
    """Table key -> the words that may stand there, built when first asked for.

    Nouns and names come from `noun_buckets`, verbs and adjectives from the other buckets, so that no held-out
    combination can arise. Tables without nouns are kept in `shared`, by all worlds of the same buckets. A table has
    `TABLE_SIZE` entries, each word about as often as its weight asks for, so that a random byte is an index.
    """

    def __init__(
        self, words: Vocabulary, topic: str, noun_buckets: frozenset[int], shared: dict[str, list[str]]
    ) -> None:
        super().__init__()
        self._shared = shared
        self._nouns: dict[str, list[Noun]] = {}
        self.words = words
        self.topic = topic
        self.noun_buckets = noun_buckets
        self.predicate_buckets = frozenset(range(BUCKETS)) - noun_buckets
        # Who and what a document may come back to.
        self.heroes = {gender: self.names(gender) for gender in words.names}
        self.recurring = {token: self.nouns(kind) for kind, token in _RECURRING.items()}

    def __missing__(self, key: str) -> list[str]:
        kind, *arguments = key.removeprefix("^").split()
        tables = self if is_topical(key) else self._shared
        table = tables.get(key)
        if table is None:
            if key[0] == "^":
                table = [entry[0].upper() + entry[1:] for entry in self[key[1:]]]
            else:
                words = self._build(kind, arguments)
                table = (words * (TABLE_SIZE // len(words) + 1))[:TABLE_SIZE]
            tables[key] = table
        self[key] = table
        return table

    def nouns(self, kind: str) -> list[Noun]:
        """Nouns of class `kind` that a document of this world may use, those of its topic `_OWN_WEIGHT` times."""
        if kind not in self._nouns:
            own, common = self.words.of_class(self.topic, kind)
            nouns = own * _OWN_WEIGHT + common
            self._nouns[kind] = [noun for noun in nouns if self.words.bucket(noun) in self.noun_buckets]
        return self._nouns[kind]

    def names(self, gender: str) -> list[str]:
        """Names of gender `male` or `female` that a document of this world may use."""
        return [name for name in self.words.names[gender] if self.words.bucket(name) in self.noun_buckets]

    def verbs(self, frame: str) -> list[Verb]:
        """Verbs of `frame` that a document of this world may use."""
        verbs = [verb for part in VERB_FRAMES.get(frame, (frame,)) for verb in self.words.verbs[part]]
        return [verb for verb in verbs if self.words.bucket(verb) in self.predicate_buckets]

    def adjectives(self, kind: str) -> list[str]:
        """Adjectives said of nouns of class `kind` that a document of this world may use."""
        adjectives = self.words.adjectives[ADJECTIVE_CLASSES[kind]]
        return [adjective for adjective in adjectives if self.words.bucket(adjective) in self.predicate_buckets]

    def _build(self, kind: str, arguments: list[str]) -> list[str]:
        match kind, arguments:
            case "noun", [name, number]:
                table = [noun.form(number) for noun in self.nouns(name)]
                return table + _recurring(name, number, len(table))
            case "anoun", [name]:
                return [with_article(noun.singular) for noun in self.nouns(name)]
            case "apl", []:
                return ["some", "many", "several", "no", "no", *CLOSED["quantity"]]
            case "adj", [name]:
                return self.adjectives(name)
            case "aadj", [name]:
                return [with_article(adjective) for adjective in self.adjectives(name)]
            case "verb", [frame, form]:
                return [verb.form(form) for verb in self.verbs(frame)]
            case "participle", []:
                return [verb.part for verb in self.verbs("thing")]
            case "det", [number]:
                near = DEMONSTRATIVE_BUCKET not in self.noun_buckets
                return _DETERMINERS[number] + (_NEAR_DEMONSTRATIVES[number] if near else [])
            case _, []:
                return CLOSED[kind]
        raise AssertionError(f"the grammar asks for an unknown table: {kind} {' '.join(arguments)}")


def is_topical(key: str) -> bool:
    """Whether the table `key` depends on the topic of a world."""
    return key.removeprefix("^").split()[0] in _TOPICAL


def _recurring(name: str, number: str, size: int) -> list[str]:
    """Copies of the marker of the document's recurring noun, for classes that every such noun belongs to."""
    token = _RECURRING.get(name)
    if token is None or (token == "P" and number == "pl"):
        return []
    marker = MARKERS[token if number == "sg" else f"{token}s"]
    return [marker] * round(size * _RECURRING_SHARE)


@cache
def world(complexity: str, topic: str, split: int) -> World:
    """The world of a topic and of the noun buckets `SPLITS[split]`."""
    return World(vocabulary(complexity), topic, SPLITS[split], _shared_tables(complexity, split))


@cache
def _shared_tables(complexity: str, split: int) -> dict[str, list[str]]:
    """Tables that do not depend on the topic, shared by all worlds of one split."""
    return {}
