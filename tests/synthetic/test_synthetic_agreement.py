"""Agreement in the synthetic text, judged by a parser that shares only the word lists with the generator."""

import re
from collections import Counter
from itertools import islice

import pytest

from babyllama.synthetic.stories import stories
from babyllama.synthetic.vocabulary import COMPLEXITIES, Vocabulary, vocabulary

pytestmark = pytest.mark.unit

SINGULAR = ["this", "each", "every", "another", "one", "a", "an"]
PLURAL = ["these", "those", "many", "several", "all", "most", "some", "two", "three", "four", "any"]
DETERMINERS = {*SINGULAR, *PLURAL, "the", "that", "no"}
QUANTITIES = ("a lot of", "hundreds of", "a couple of", "a few")
OPENERS = (
    "soon|later|at noon|that day|one day|after lunch|in the evening|the next morning|suddenly|today|"
    "again|now|then|at first|of course|once more"
)
PREPOSITIONS = re.compile(r"(near|beside|behind|next to|close to|in front of|across from)(?= )")
AUXILIARIES = {"is": "sg", "was": "sg", "has": "sg", "does": "sg", "are": "pl", "were": "pl", "have": "pl", "do": "pl"}
UNMARKED = {"had", "did", "ever"}


class CannotParse(Exception):
    """Not a statement that begins with its subject."""


class Parser:
    """Finds subjects and their verbs in statements; `parse` returns (number of subject, number of verb) pairs."""

    def __init__(self, words: Vocabulary) -> None:
        self.noun_number = {noun.singular: "sg" for noun in words.all_nouns()}
        self.noun_number |= {noun.plural: "pl" for noun in words.all_nouns()}
        self.verb_number = {verb.s: "sg" for verb in words.all_verbs()} | AUXILIARIES
        self.verb_number |= {verb.base: "pl" for verb in words.all_verbs()}
        self.past = {form for verb in words.all_verbs() for form in (verb.past, verb.part)}
        self.names = {name.lower() for names in words.names.values() for name in names}
        self.agreements: list[tuple[str, str | None]] = []

    def parse(self, sentence: str) -> list[tuple[str, str | None]]:
        text = sentence[0].lower() + sentence[1:].rstrip(".")
        text = re.sub(rf"^({OPENERS}) ", "", text)
        for quantity in QUANTITIES:
            text = text.replace(quantity, "many")
        self.agreements = []
        number, rest = self._subject(text.lower())
        self._verb(number, rest)
        return self.agreements

    def _noun_phrase(self, text: str) -> tuple[str, str]:
        first, _, rest = text.partition(" ")
        if first in self.names or first in ("he", "she"):
            return "sg", rest
        if first == "they":
            return "pl", rest
        if first not in DETERMINERS:
            raise CannotParse(text)
        words = rest.split(" ")
        for place, word in enumerate(words[:5]):
            if word in self.noun_number:
                number = self.noun_number[word]
                assert not (first in SINGULAR and number == "pl"), text
                assert not (first in PLURAL and number == "sg"), text
                return number, " ".join(words[place + 1 :])
        raise CannotParse(text)

    def _subject(self, text: str) -> tuple[str, str]:
        number, rest = self._noun_phrase(text)
        while match := PREPOSITIONS.match(rest):
            _, rest = self._noun_phrase(rest[match.end() + 1 :])
        if rest.startswith("that "):
            rest = rest.removeprefix("that ")
            if rest.split(" ")[0] in DETERMINERS | self.names:
                inner, rest = self._noun_phrase(rest)
                rest = self._verb(inner, rest)
            else:
                rest = self._verb(number, rest)
                _, rest = self._noun_phrase(rest)
            if match := PREPOSITIONS.match(rest):
                _, rest = self._noun_phrase(rest[match.end() + 1 :])
        return number, rest

    def _verb(self, number: str, text: str) -> str:
        verb, _, rest = text.partition(" ")
        if verb == "ever":
            return self._verb(number, rest)
        verb = verb.rstrip(",")
        if verb in self.verb_number:
            self.agreements.append((number, self.verb_number[verb]))
        elif verb in self.past or verb in UNMARKED:
            self.agreements.append((number, None))
        else:
            raise CannotParse(text)
        return rest


def sentences_of(complexity: str, documents: int) -> list[str]:
    text = " ".join(islice(stories(complexity, "agreement"), documents)).replace("\n", " ")
    return [sentence for sentence in re.split(r"(?<=[.?!]) (?=[A-Z])", text) if '"' not in sentence]


@pytest.mark.parametrize("complexity", COMPLEXITIES)
def test_subjects_and_verbs_agree(complexity: str) -> None:
    parser = Parser(vocabulary(complexity))
    found: Counter[tuple[str, str | None]] = Counter()
    across_attractors = 0
    sentences = sentences_of(complexity, 800)
    for sentence in sentences:
        try:
            agreements = parser.parse(sentence)
        except CannotParse:
            continue
        assert all(verb in (number, None) for number, verb in agreements), sentence
        found.update(agreements)
        across_attractors += agreements[-1][1] is not None and bool(
            re.match(r"\S+ (\S+ )?\S+ (near|beside|behind|next|close|that) ", sentence)
        )
    assert sum(found.values()) > 0.4 * len(sentences)
    assert across_attractors > 100
    # Both numbers are shown about equally often, so that neither form is the better guess.
    assert 0.67 < found["sg", "sg"] / found["pl", "pl"] < 1.5


def test_the_parser_notices_a_wrong_verb() -> None:
    parser = Parser(vocabulary("medium"))
    assert parser.parse("The dog near the cats chases a bird.") == [("sg", "sg")]
    assert parser.parse("The dog near the cats chase a bird.") == [("sg", "pl")]
    assert parser.parse("Later the dogs that the cat chases sleep.") == [("sg", "sg"), ("pl", "pl")]
    with pytest.raises(AssertionError):
        parser.parse("These dog sleeps.")
