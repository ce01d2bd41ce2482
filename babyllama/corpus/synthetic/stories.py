"""The stream of documents: little stories about one topic, two named characters, a thing, an animal and a place."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from functools import cache

from babyllama.corpus.synthetic.grammar import MARKERS, PRONOUNS, TENSES, Skeleton, grammar
from babyllama.corpus.synthetic.vocabulary import SPLITS, vocabulary
from babyllama.corpus.synthetic.worlds import World, world

# Skeletons kept per rule and tense; TELL, which makes up most of a text, has many more ways to go.
_BEAT_SKELETONS = 24
_TELL_SKELETONS = 1600
_GENDERS = ("male", "female")
_SENTENCE_END = re.compile(r"[.?!](?=\s|$)")

Bank = dict[str, list[Skeleton]]


def stories(complexity: str, stream: str) -> Iterator[str]:
    """Endless documents of `complexity`, decided by the name of the random `stream` alone.

    A document has one to four paragraphs, one per line, and about ninety words. Memory does not grow with the
    number of documents.
    """
    rng = random.Random(f"stories {complexity} {stream}")
    banks = _banks(complexity)
    plots = grammar(complexity).plots
    topics = vocabulary(complexity).topics
    draw = rng.random
    while True:
        place = world(complexity, topics[int(draw() * len(topics))], int(draw() * len(SPLITS)))
        genders = int(draw() * 2), int(draw() * 2)
        bank = banks[TENSES[int(draw() * 2)], *genders]
        plot = plots[int(draw() * len(plots))]

        sentences: list[Skeleton] = []
        for beat in plot:
            skeletons = bank[beat]
            for _ in range(1 + int(draw() * 4) if beat == "*" else 1):
                sentences.append(skeletons[int(draw() * len(skeletons))])
        yield _fill(place, sentences, genders, rng).replace(" \n ", "\n")


def fill(place: World, skeleton: Skeleton, rng: random.Random) -> str:
    """The text of one skeleton in the world `place`, with participants of its own."""
    genders = rng.randrange(2), rng.randrange(2)
    return _fill(place, [_with_pronouns(skeleton, dict(zip("AB", genders, strict=True)))], genders, rng)


def _fill(place: World, skeletons: list[Skeleton], genders: tuple[int, int], rng: random.Random) -> str:
    templates: list[str] = []
    keys: list[str] = []
    for template, slots in skeletons:
        templates.append(template)
        keys += slots
    words = [place[key][byte] for key, byte in zip(keys, rng.randbytes(len(keys)), strict=True)]
    text = " ".join(templates) % tuple(words)
    for marker, word in _cast(place, genders, rng.random):
        text = text.replace(marker, word)
    return text


@cache
def _banks(complexity: str) -> dict[tuple[str, int, int], Bank]:
    """Skeletons of every beat, by tense and by the genders of A and B, whose pronouns are filled in.

    They are a fixed sample of what the grammar derives, the same for every stream.
    """
    rng = random.Random(f"skeletons {complexity}")
    rules = grammar(complexity)
    names = sorted({beat for plot in rules.plots for beat in plot} - {"*", "/"})
    banks: dict[tuple[str, int, int], Bank] = {}
    for tense in TENSES:
        bank = {name: [rules.derive(rng, f"<{name}>", tense) for _ in range(_BEAT_SKELETONS)] for name in names}
        bank["*"] = [rules.derive(rng, "<TELL>", tense) for _ in range(_TELL_SKELETONS)]
        bank["/"] = [Skeleton("\n", ())]
        for a in (0, 1):
            for b in (0, 1):
                banks[tense, a, b] = {
                    name: [_with_pronouns(skeleton, {"A": a, "B": b}) for skeleton in skeletons]
                    for name, skeletons in bank.items()
                }
    return banks


def _with_pronouns(skeleton: Skeleton, genders: dict[str, int]) -> Skeleton:
    template = skeleton.template
    for hero, gender in genders.items():
        for word, forms in PRONOUNS.items():
            template = template.replace(MARKERS[f"{hero}.{word}"], forms[gender])
    return Skeleton(template, skeleton.keys)


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
