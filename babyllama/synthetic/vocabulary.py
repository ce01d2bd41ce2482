"""The words of one complexity, and the rule that keeps some combinations of them out of every text.

Every noun and name lies in one of eight buckets, and so does every predicate (verb or adjective). A document takes its
nouns from four buckets and its predicates from the other four, so a noun and a predicate of the same bucket never
share a document, let alone a sentence: one noun-predicate combination in eight is held out, and minimal pairs are
built on those. The four-bucket choices are the 14 blocks of the Steiner system S(3, 4, 8), which give every
combination that is not held out the same chance (4 of 14 documents).

`this` and `these` never share a document with a noun of bucket 0; determiner agreement is tested on those.

Buckets depend on the word lists alone, never on seed or complexity, so pairs written with one seed are held out from
text written with any other.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations

from babyllama.synthetic.inflection import Noun, Verb, parse_noun, parse_verb
from babyllama.synthetic.nouns import COMMON, NAMES, TOPICS
from babyllama.synthetic.predicates import ADJECTIVES, VERBS

COMPLEXITIES = ("simple", "medium", "rich")
BUCKETS = 8
DEMONSTRATIVE_BUCKET = 0
"""Nouns of this bucket never share a document with `this` or `these`."""

NOUN_CLASSES = {
    "person": ("male", "female", "neutral"),
    "anim": ("male", "female", "neutral", "animal"),
}
VERB_FRAMES = {"animate": ("animate", "reflexive")}
ADJECTIVE_CLASSES = {
    **dict.fromkeys(("male", "female", "neutral", "animal", "person", "anim"), "animate"),
    **dict.fromkeys(("thing", "food", "place"), "inanimate"),
}

# Blocks of S(3, 4, 8): the four-element subsets of 0..7 whose exclusive or is zero.
SPLITS: tuple[frozenset[int], ...] = tuple(
    frozenset(block) for block in combinations(range(BUCKETS), 4) if not block[0] ^ block[1] ^ block[2] ^ block[3]
)


def _tiers(text: str) -> list[list[str]]:
    parts = [part.split() for part in text.split("|")]
    return parts + [[] for _ in range(len(COMPLEXITIES) - len(parts))]


def _lemma(entry: str) -> str:
    return entry.partition("=")[0].partition(":")[0].rstrip("+")


@cache
def _buckets() -> dict[str, int]:
    """Bucket of every word of the richest language: each list is shuffled once and dealt out in turn."""
    dealt: dict[str, int] = {}
    lists = [*NAMES.values(), *COMMON.values(), *(words for topic in TOPICS.values() for words in topic.values())]
    for text in [*lists, *VERBS.values(), *ADJECTIVES.values()]:
        turn = random.Random(f"buckets of {text.split()[:3]}")
        place = turn.randrange(BUCKETS)
        for tier in _tiers(text):
            # Irregular words are dealt first, so that each bucket gets its share of them.
            entries = sorted(turn.sample(tier, len(tier)), key=lambda entry: not {"=", ":"} & set(entry))
            for entry in entries:
                dealt[_lemma(entry)] = place % BUCKETS
                place += 1
    return dealt


@dataclass(frozen=True)
class Vocabulary:
    """The words of one complexity, by class, and the bucket of each.

    `nouns` is keyed by (topic or "common", class) with the classes male, female, neutral, animal, thing, food and
    place; `names` by gender; `verbs` by frame; `adjectives` by animate and inanimate.
    """

    complexity: str
    names: dict[str, list[str]] = field(repr=False)
    nouns: dict[tuple[str, str], list[Noun]] = field(repr=False)
    verbs: dict[str, list[Verb]] = field(repr=False)
    adjectives: dict[str, list[str]] = field(repr=False)

    @property
    def topics(self) -> list[str]:
        """Topics that have words of every class, in the order of the word lists."""
        return list(dict.fromkeys(topic for topic, _ in self.nouns if topic != "common"))

    def bucket(self, word: Noun | Verb | str) -> int:
        """The bucket of a noun, verb, adjective or name."""
        if isinstance(word, Noun):
            word = word.singular
        elif isinstance(word, Verb):
            word = word.base
        return _buckets()[word]

    def held_out(self, noun: Noun | str, predicate: Verb | str) -> bool:
        """Whether no document may hold both `noun` (or a name) and `predicate` (verb or adjective), in any form."""
        return self.bucket(noun) == self.bucket(predicate)

    def of_class(self, topic: str, name: str) -> tuple[list[Noun], list[Noun]]:
        """Nouns of class `name` (also `person`, `anim`): those of the topic, those common to all topics."""
        classes = NOUN_CLASSES.get(name, (name,))
        own = [noun for part in classes for noun in self.nouns.get((topic, part), [])]
        return own, [noun for part in classes for noun in self.nouns.get(("common", part), [])]

    def all_nouns(self) -> list[Noun]:
        """Every noun, names excluded."""
        return [noun for nouns in self.nouns.values() for noun in nouns]

    def all_verbs(self) -> list[Verb]:
        """Every verb of the lexicon; auxiliaries and the verbs of the story frames are no part of it."""
        return [verb for verbs in self.verbs.values() for verb in verbs]


@cache
def vocabulary(complexity: str) -> Vocabulary:
    """The vocabulary of `simple`, `medium` or `rich`; each contains the ones before it."""
    tiers = COMPLEXITIES.index(complexity) + 1

    def words(text: str) -> list[str]:
        return [entry for tier in _tiers(text)[:tiers] for entry in tier]

    nouns = {("common", kind): [parse_noun(entry) for entry in words(text)] for kind, text in COMMON.items()}
    for topic, classes in TOPICS.items():
        if all(words(text) for text in classes.values()):
            nouns |= {(topic, kind): [parse_noun(entry) for entry in words(text)] for kind, text in classes.items()}
    return Vocabulary(
        complexity=complexity,
        names={gender: words(text) for gender, text in NAMES.items()},
        nouns=nouns,
        verbs={frame: [parse_verb(entry) for entry in words(text)] for frame, text in VERBS.items()},
        adjectives={kind: words(text) for kind, text in ADJECTIVES.items()},
    )
