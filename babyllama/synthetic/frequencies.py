"""How often each word is expected in the synthetic text, computed from the grammar without drawing any text."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from itertools import product

from babyllama.synthetic.grammar import MARKERS, grammar
from babyllama.synthetic.stories import SENTENCES_PER_STAR, Sentence, banks
from babyllama.synthetic.vocabulary import SPLITS, vocabulary
from babyllama.synthetic.worlds import TABLE_SIZE, World, is_topical, world

_TOKEN = re.compile(r"[\w']+|[^\w\s]")
_PER = 1_000_000


def tokens_of(text: str) -> list[str]:
    """Words and punctuation marks of `text`: the units of the unigram model that minimal pairs are balanced for."""
    return _TOKEN.findall(text)


@cache
def expected_counts(complexity: str) -> dict[str, float]:
    """Token -> expected number of occurrences in a million tokens of text of `complexity`."""
    counts: dict[str, float] = defaultdict(float)
    keys: dict[str, float] = defaultdict(float)
    for weight, sentence in _sentences(complexity):
        for token in tokens_of(sentence.template.replace("%s", "")):
            counts[token] += weight
        for key in sentence.keys:
            keys[key] += weight

    topics = vocabulary(complexity).topics
    worlds = [world(complexity, topic, split) for topic, split in product(topics, range(len(SPLITS)))]
    for key, weight in keys.items():
        # Tables that are the same for every topic are looked at once per split.
        places = worlds if is_topical(key) else worlds[: len(SPLITS)]
        for place in places:
            for entry, times in Counter(place[key]).items():
                for token in tokens_of(entry):
                    counts[token] += weight * times / len(places) / TABLE_SIZE
    # Pronouns are filled in; what is left are the participants.
    for marker in [marker for marker in MARKERS.values() if marker in counts]:
        weight = counts.pop(marker)
        for place in worlds:
            _spread(counts, _fillers(place, marker), weight / len(worlds))
    total = sum(counts.values())
    return {token: _PER * count / total for token, count in counts.items()}


def _sentences(complexity: str) -> Iterable[tuple[float, Sentence]]:
    """Every ready sentence with the number of times a document is expected to use it."""
    plots = grammar(complexity).plots
    uses: dict[str, float] = defaultdict(float)
    for beat in (beat for plot in plots for beat in plot):
        uses[beat] += (SENTENCES_PER_STAR if beat == "*" else 1) / len(plots)
    by_tense_and_gender = banks(complexity)
    for bank in by_tense_and_gender.values():
        for beat, expected in uses.items():
            for sentence in bank[beat]:
                yield expected / len(bank[beat]) / len(by_tense_and_gender), sentence


def _fillers(place: World, marker: str) -> list[str]:
    """What may stand for `marker` in the world `place`, each as likely as the next."""
    token = next(token for token, character in MARKERS.items() if character == marker)
    if token in ("A", "B"):
        # Both genders are equally likely and have equally many names.
        return [name for names in place.heroes.values() for name in names]
    nouns = place.recurring[token[0]]
    return [noun.plural if token.endswith("s") else noun.singular for noun in nouns]


def _spread(counts: dict[str, float], words: list[str], weight: float) -> None:
    for word in words:
        counts[word] += weight / len(words)
