"""Minimal pairs from the grammar: sampling what surrounds a critical word pair, balancing, and BLiMP's JSON lines."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from babyllama.synthetic.frequencies import expected_counts, tokens_of
from babyllama.synthetic.grammar import TENSES, grammar
from babyllama.synthetic.inflection import Noun, Verb
from babyllama.synthetic.stories import fill
from babyllama.synthetic.vocabulary import COMPLEXITIES, SPLITS, vocabulary
from babyllama.synthetic.worlds import World, world

# No word of a pair is rarer than this in a million tokens of text.
_LEAST_PER_MILLION = 40
_ATTEMPTS_PER_PAIR = 40
# A difference of log frequencies that chance may turn round in a text of some 100,000 words.
_SLIGHT_MARGIN = 0.15


class Unfit(Exception):
    """The words drawn so far allow no pair; draw again."""


@dataclass(frozen=True)
class GeneratedPair:
    """Two sentences of the same number of words, and the two words that no training document holds together."""

    good: str
    bad: str
    critical: tuple[str, str]


class Scene:
    """What one pair is built from: a world, a tense, and words that clash with it.

    `noun` and `name` draw what the world's documents may contain. `clashing_*` draw predicates of the same bucket as
    such a word: the combination that is held out. `phrase` derives the rest of a sentence from the grammar.
    """

    def __init__(self, complexity: str, rng: random.Random) -> None:
        self.rng = rng
        self.words = vocabulary(complexity)
        self.tense: str = rng.choice(TENSES)
        self._grammar = grammar(complexity)
        self.world: World = world(complexity, rng.choice(self.words.topics), rng.randrange(len(SPLITS)))

    def number(self) -> str:
        """`sg` or `pl`, evenly."""
        return self.rng.choice(("sg", "pl"))

    def noun(self, kind: str, fits: Callable[[Noun], bool] = lambda noun: True) -> Noun:
        """A noun of class `kind` for which `fits` holds."""
        return self.one_of([noun for noun in self.world.nouns(kind) if fits(noun)])

    def name(self, gender: str) -> str:
        """A name of gender `male` or `female`."""
        return self.rng.choice(self.world.heroes[gender])

    def clashing_verb(self, noun: Noun | str, frame: str, fits: Callable[[Verb], bool] = lambda verb: True) -> Verb:
        """A verb of `frame` that is held out with `noun`."""
        verbs = self.words.verbs[frame]
        return self.one_of([verb for verb in verbs if self.words.held_out(noun, verb) and fits(verb)])

    def clashing_adjective(self, noun: Noun, kind: str) -> str:
        """An adjective, `animate` or `inanimate`, that is held out with `noun`."""
        return self.one_of([word for word in self.words.adjectives[kind] if self.words.held_out(noun, word)])

    def one_of(self, words: Sequence[Any]) -> Any:
        """One of `words`; raises `Unfit` when there is none."""
        if not words:
            raise Unfit
        return self.rng.choice(words)

    def phrase(self, text: str) -> str:
        """Words for `text` in rule notation, without an initial capital."""
        skeleton = self._grammar.derive(self.rng, text, self.tense, capital=False)
        return fill(self.world, skeleton, self.rng)


@dataclass(frozen=True)
class Paradigm:
    """One phenomenon put to the test: how BLiMP files it, from which complexity on, and how a pair is made."""

    uid: str
    term: str
    field: str
    complexity: str
    make: Callable[[Scene], GeneratedPair]


def write_pairs(
    paradigms: Sequence[Paradigm], complexity: str, seed: int, pairs_per_paradigm: int
) -> Iterator[tuple[str, str]]:
    """(UID, contents of its file in BLiMP's JSON lines) of each paradigm that `complexity` has.

    Of the pairs of a paradigm, as many have the more frequent words in the good sentence as in the bad one, so that a
    unigram model scores about one half.
    """
    level = COMPLEXITIES.index(complexity)
    logs = {word: math.log(count) for word, count in expected_counts(complexity).items() if count >= _LEAST_PER_MILLION}
    for paradigm in paradigms:
        if COMPLEXITIES.index(paradigm.complexity) <= level:
            rng = random.Random(f"pairs {complexity} {seed} {paradigm.uid}")
            pairs = _balanced(paradigm, complexity, rng, logs, pairs_per_paradigm)
            lines = [json.dumps(_row(paradigm, pair, index)) for index, pair in enumerate(pairs)]
            yield paradigm.uid, "\n".join(lines) + "\n"


def _balanced(
    paradigm: Paradigm, complexity: str, rng: random.Random, logs: dict[str, float], count: int
) -> list[GeneratedPair]:
    """`count` pairs, or as many as can be found: as many preferred by word frequency one way as the other.

    Slight preferences, which may be the other way round in a text, are balanced among themselves.
    """
    pairs: list[GeneratedPair] = []
    seen: set[str] = set()
    balance = {"clear": 0, "slight": 0}
    for _ in range(count * _ATTEMPTS_PER_PAIR):
        if len(pairs) == count:
            break
        try:
            pair = paradigm.make(Scene(complexity, rng))
        except Unfit:
            continue
        good, bad = _differing(pair)
        if pair.good in seen or not logs.keys() >= {*tokens_of(pair.good), *tokens_of(pair.bad)}:
            continue
        margin = sum(logs[word] for word in good) - sum(logs[word] for word in bad)
        side = 0 if abs(margin) < 1e-9 else int(math.copysign(1, margin))
        kind = "slight" if abs(margin) < _SLIGHT_MARGIN else "clear"
        if abs(balance[kind] + side) <= 1:
            balance[kind] += side
            seen.add(pair.good)
            pairs.append(pair)
    return pairs


def _differing(pair: GeneratedPair) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words that only the good sentence has, and those that only the bad one has, sorted."""
    good, bad = Counter(tokens_of(pair.good)), Counter(tokens_of(pair.bad))
    return tuple(sorted((good - bad).elements())), tuple(sorted((bad - good).elements()))


def _row(paradigm: Paradigm, pair: GeneratedPair, index: int) -> dict[str, Any]:
    """One line of a BLiMP file; the prefix methods apply where the sentences differ in a single word."""
    good, bad = pair.good.split(), pair.bad.split()
    differing = [place for place, words in enumerate(zip(good, bad, strict=True)) if words[0] != words[1]]
    row: dict[str, Any] = {"sentence_good": pair.good, "sentence_bad": pair.bad}
    if len(differing) == 1:
        place = differing[0]
        row["one_prefix_prefix"] = " ".join(good[:place])
        row["one_prefix_word_good"] = good[place].rstrip(".?")
        row["one_prefix_word_bad"] = bad[place].rstrip(".?")
    return row | {
        "field": paradigm.field,
        "linguistics_term": paradigm.term,
        "UID": paradigm.uid,
        "simple_LM_method": True,
        "one_prefix_method": len(differing) == 1,
        "two_prefix_method": False,
        "lexically_identical": _differing(pair) == ((), ()),
        "critical_pair": list(pair.critical),
        "pairID": str(index),
    }
