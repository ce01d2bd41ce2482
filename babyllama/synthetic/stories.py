"""The stream of documents: little stories about one topic, two named characters, a thing, an animal and a place."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from operator import getitem, itemgetter
from typing import NamedTuple

from babyllama.synthetic.grammar import MARKERS, PRONOUNS, TENSES, Skeleton, grammar
from babyllama.synthetic.vocabulary import SPLITS, vocabulary
from babyllama.synthetic.worlds import World, world

# Skeletons kept per rule and tense; TELL, which makes up most of a text, has many more ways to go.
_BEAT_SKELETONS = 24
_TELL_SKELETONS = 2000
# A `*` of a plot is one sentence and 0, 1, 2 or 3 more.
_MORE_PER_STAR = 4
SENTENCES_PER_STAR = 1 + (_MORE_PER_STAR - 1) / 2
_GENDERS = ("male", "female")
_SENTENCE_END = re.compile(r"[.?!](?=\s|$)")


class Sentence(NamedTuple):
    """A skeleton made ready: pronouns filled in, and what fetches the tables of its keys from a world in one call."""

    template: str
    keys: tuple[str, ...]
    tables: Callable[[World], tuple[list[str], ...]]


Bank = dict[str, list[Sentence]]


def stories(complexity: str, stream: str) -> Iterator[str]:
    """Endless documents of `complexity`, decided by the name of the random `stream` alone.

    A document has one to four paragraphs, one per line, and about ninety words. Memory does not grow with the
    number of documents.
    """
    rng = random.Random(f"stories {complexity} {stream}")
    by_tense_and_gender = banks(complexity)
    plots = grammar(complexity).plots
    topics = vocabulary(complexity).topics
    draw = rng.random
    while True:
        place = world(complexity, topics[int(draw() * len(topics))], int(draw() * len(SPLITS)))
        genders = int(draw() * 2), int(draw() * 2)
        bank = by_tense_and_gender[TENSES[int(draw() * 2)], *genders]

        sentences: list[Sentence] = []
        for beat in plots[int(draw() * len(plots))]:
            choices = bank[beat]
            sentences.append(choices[int(draw() * len(choices))])
            if beat == "*":
                sentences += [choices[int(draw() * len(choices))] for _ in range(int(draw() * _MORE_PER_STAR))]
        yield _fill(place, sentences, genders, rng).replace(" \n ", "\n")


def fill(place: World, skeleton: Skeleton, rng: random.Random) -> str:
    """The text of one skeleton in the world `place`, with participants of its own."""
    genders = rng.randrange(2), rng.randrange(2)
    return _fill(place, [_ready(skeleton, genders)], genders, rng)


def _fill(place: World, sentences: list[Sentence], genders: tuple[int, int], rng: random.Random) -> str:
    tables = [table for sentence in sentences for table in sentence.tables(place)]
    words = tuple(map(getitem, tables, rng.randbytes(len(tables))))
    text = " ".join([sentence.template for sentence in sentences]) % words
    for marker, word in _cast(place, genders, rng.random):
        text = text.replace(marker, word)
    return text


@cache
def banks(complexity: str) -> dict[tuple[str | int, ...], Bank]:
    """Skeletons of every beat, by tense and by the genders of A and B, whose pronouns are filled in.

    They are a fixed sample of what the grammar derives, the same for every stream.
    """
    rng = random.Random(f"skeletons {complexity}")
    rules = grammar(complexity)
    names = sorted({beat for plot in rules.plots for beat in plot} - {"*", "/"})
    found: dict[tuple[str | int, ...], Bank] = {}
    for tense in TENSES:
        bank = {name: rules.sample(rng, name, _BEAT_SKELETONS, tense) for name in names}
        bank["*"] = rules.sample(rng, "TELL", _TELL_SKELETONS, tense)
        bank["/"] = [Skeleton("\n", ())]
        for genders in product((0, 1), repeat=2):
            found[tense, *genders] = {
                name: [_ready(skeleton, genders) for skeleton in skeletons] for name, skeletons in bank.items()
            }
    return found


def _ready(skeleton: Skeleton, genders: tuple[int, ...]) -> Sentence:
    """`skeleton` with the pronouns of A and B filled in."""
    template, keys = skeleton
    for hero, gender in zip("AB", genders, strict=True):
        for word, forms in PRONOUNS.items():
            template = template.replace(MARKERS[f"{hero}.{word}"], forms[gender])
    if len(keys) > 1:
        return Sentence(template, keys, itemgetter(*keys))
    if not keys:
        return Sentence(template, keys, lambda place: ())
    # itemgetter of a single key returns no tuple.
    return Sentence(template, keys, lambda place: (place[keys[0]],))


def _cast(place: World, genders: tuple[int, int], draw: Callable[[], float]) -> list[tuple[str, str]]:
    """Who and what this document is about: marker -> words."""
    cast: list[tuple[str, str]] = []
    taken = ""
    for hero, gender in zip("AB", genders, strict=True):
        names = place.heroes[_GENDERS[gender]]
        name = names[int(draw() * len(names))]
        while name == taken:
            name = names[int(draw() * len(names))]
        taken = name
        cast.append((MARKERS[hero], name))
    for token, nouns in place.recurring.items():
        noun = nouns[int(draw() * len(nouns))]
        cast.append((MARKERS[token], noun.singular))
        if token != "P":
            cast.append((MARKERS[f"{token}s"], noun.plural))
    return cast


def cut(text: str, words: int, *, at_least_one: bool = False) -> str:
    """The longest beginning of `text` that ends with a sentence and has at most `words` words.

    It may be empty, unless `at_least_one` asks for the first sentence whatever its length.
    """
    end = 0
    for match in _SENTENCE_END.finditer(text):
        if len(text[: match.end()].split()) > words and (end or not at_least_one):
            break
        end = match.end()
    return text[:end]
