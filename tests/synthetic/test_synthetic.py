"""The synthetic language: its words, its stories, its minimal pairs and what is held out from one for the other."""

import re
import tracemalloc
from collections import Counter, defaultdict
from itertools import islice

import pytest

from babyllama.synthetic import SyntheticReport, synthesize
from babyllama.synthetic.clauses import SENTENCES
from babyllama.synthetic.inflection import parse_noun, parse_verb, with_article
from babyllama.synthetic.nouns import NAMES
from babyllama.synthetic.plots import BEATS, CLOSED, FRAME_VERBS
from babyllama.synthetic.stories import cut, stories
from babyllama.synthetic.vocabulary import COMPLEXITIES, SPLITS, vocabulary

pytestmark = pytest.mark.unit
SEPARATOR = "\n<|endoftext|>\n"
WORD = re.compile(r"[A-Za-z]+")
SENTENCE_END = re.compile(r'(?<=[.?!])"? (?=["A-Z])|\n')


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> SyntheticReport:
    """200,000 words of the medium language with their dev text and pairs."""
    return synthesize(tmp_path_factory.mktemp("synthetic"), num_words=200_000)


@pytest.fixture(scope="module")
def documents(report: SyntheticReport) -> list[str]:
    return report.train.read_text().removesuffix("\n").split(SEPARATOR)


def vocabulary_forms() -> dict[str, set[str]]:
    """Word form -> the words of the richest lexicon that it is a form of."""
    words = vocabulary("rich")
    owners: dict[str, set[str]] = defaultdict(set)
    for noun in words.all_nouns():
        for form in noun.forms:
            owners[form].add(f"noun {noun.singular}")
    for verb in words.all_verbs():
        for form in verb.forms:
            owners[form].add(f"verb {verb.base}")
    for adjectives in words.adjectives.values():
        for adjective in adjectives:
            owners[adjective].add(f"adjective {adjective}")
    return owners


# ---------------------------------------------------------------------------------------------------------------------
# Words


@pytest.mark.parametrize(
    ("entry", "forms"),
    [
        ("chase", "chase chases chased chased chasing"),
        ("hug+", "hug hugs hugged hugged hugging"),
        ("see:saw:seen", "see sees saw seen seeing"),
        ("swim+:swam:swum", "swim swims swam swum swimming"),
        ("cry", "cry cries cried cried crying"),
        ("enjoy", "enjoy enjoys enjoyed enjoyed enjoying"),
        ("push", "push pushes pushed pushed pushing"),
    ],
)
def test_verb_forms(entry: str, forms: str) -> None:
    assert parse_verb(entry).forms == tuple(forms.split())


def test_noun_forms_and_articles() -> None:
    nouns = "dog fox cherry monkey child=children"
    assert [parse_noun(word).plural for word in nouns.split()] == ["dogs", "foxes", "cherries", "monkeys", "children"]
    assert [parse_noun(word).irregular for word in nouns.split()] == [False, False, False, False, True]
    assert [with_article(word) for word in ("owl", "unicorn", "dog", "honest")] == [
        "an owl",
        "a unicorn",
        "a dog",
        "an honest",
    ]


def test_every_form_belongs_to_one_word() -> None:
    assert {form: sorted(words) for form, words in vocabulary_forms().items() if len(words) > 1} == {}


def test_the_words_of_the_story_frame_are_outside_the_lexicon() -> None:
    frame = [word for forms in FRAME_VERBS.values() for word in forms]
    frame += [word for entries in CLOSED.values() for entry in entries for word in entry.split()]
    for line in (SENTENCES + BEATS).splitlines():
        if line.startswith("  "):
            frame += re.sub(r"<[^>]*>|\[[^\]]*\]", " ", line.split(maxsplit=1)[1]).split()
    assert set(frame) & set(vocabulary_forms()) == set()


def test_complexities_grow() -> None:
    simple, medium, rich = map(vocabulary, COMPLEXITIES)
    for smaller, larger in ((simple, medium), (medium, rich)):
        assert set(smaller.all_nouns()) < set(larger.all_nouns())
        assert set(smaller.all_verbs()) < set(larger.all_verbs())
        assert len(smaller.topics) < len(larger.topics)
    assert len(medium.all_nouns()) > 400
    assert len(medium.all_verbs()) > 150


def test_every_combination_that_is_not_held_out_gets_the_same_chance() -> None:
    assert len(SPLITS) == 14
    for noun in range(8):
        for predicate in range(8):
            together = sum(noun in split and predicate not in split for split in SPLITS)
            assert together == (0 if noun == predicate else 4)


# ---------------------------------------------------------------------------------------------------------------------
# Stories


def test_size_and_form(report: SyntheticReport, documents: list[str]) -> None:
    assert 199_950 <= report.words <= 200_000
    assert sum(len(document.split()) for document in documents) == report.words
    assert len(documents) == report.documents
    assert report.train.stat().st_size == report.size
    assert 9_900 <= report.dev_words <= 10_000
    text = report.train.read_text()
    # Markers, templates and spacing are all resolved.
    assert re.findall(r"[^\x20-\x7e\n]|%|``|''|  | [.,?!:]|\n ", text) == []
    assert re.findall(r"\b[Aa] [aeio]\w+|\b[Aa]n [^aeiouh]\w+", text) == []
    for document in documents[:-1]:
        assert re.fullmatch(r'(["A-Z].*[.?!"]\n?)+', document)
    assert max(Counter(documents).values()) == 1


def test_dev_text_is_other_text(report: SyntheticReport, documents: list[str]) -> None:
    dev = report.dev.read_text().removesuffix("\n").split(SEPARATOR)
    assert len(dev) == report.dev_documents
    assert set(dev) & set(documents) == set()


def test_a_document_keeps_to_its_topic_and_its_characters(documents: list[str]) -> None:
    words = vocabulary("medium")
    topic_of = {
        form: topic
        for (topic, _), nouns in words.nouns.items()
        if topic != "common"
        for noun in nouns
        for form in noun.forms
    }
    names = {name for entries in words.names.values() for name in entries}
    recurring = 0
    for document in documents[:-1]:
        found = WORD.findall(document)
        assert len({topic_of[word] for word in found if word in topic_of}) <= 1
        cast = Counter(word for word in found if word in names)
        assert 1 <= len(cast) <= 2
        recurring += max(cast.values()) >= 2
    assert recurring > 0.95 * len(documents)


# One pattern per phenomenon that the text must show, and how often at least among 200,000 words.
PHENOMENA = {
    r"(near|beside|behind) \w+ \w+s (is|was|has) ": 30,
    r" that (the|some|many|those|these|all|most) \w+s \w+ (is|was|has) ": 20,
    r" (himself|herself)\.": 300,
    r" themselves\.": 300,
    r"\b[Tt]hese \w+ \w+s\b": 50,
    r"\b(children|mice|wives|men|women|geese)\b": 100,
    r"\b(broken|stolen|hidden|chosen|eaten|seen)\b": 100,
    r"\b(broke|stole|hid|chose|ate|saw)\b": 100,
    r'"(What|Who|Which \w+) (did|does|do) [^?"]*\?" ask': 150,
    r"(knew|knows|know|remembers|remembered|understands|understood) what [^.]*\.": 40,
    r"\b[Nn]o \w+ (that [^.]* )?(has|have|had) ever ": 60,
    r"(has|have|had|did|does|do) not ever ": 60,
    r"\bnot \w+ any \w+s": 10,
    r"(gave|handed|showed|lent) (the|some|many|those|\w+) \w+ (the|some|a|those|these)\b": 5,
    r"\b(was|were|is|are) \w+ by (the|some|many|those|[A-Z])": 100,
    r"\b[Tt]here (was|were|is|are) (a|an|many|some|several|no)\b": 100,
}


@pytest.mark.parametrize("pattern", PHENOMENA)
def test_phenomena_are_in_the_text(pattern: str, documents: list[str]) -> None:
    assert len(re.findall(pattern, " ".join(documents))) >= PHENOMENA[pattern]


def test_memory_does_not_grow_with_the_text() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in islice(stories("simple", "memory"), count):
            pass
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    # The word tables of all worlds are built on demand and kept; they are what memory is spent on.
    list(islice(stories("simple", "warm up"), 8_000))
    text = sum(map(len, islice(stories("simple", "memory"), 4000)))
    assert peak(4000) < text / 10


def test_cut_ends_with_a_sentence() -> None:
    text = 'A dog sleeps. "Who sleeps?" asks Tom.\nIt is the dog.'
    assert cut(text, 6) == "A dog sleeps."
    assert cut(text, 7) == 'A dog sleeps. "Who sleeps?" asks Tom.'
    assert cut(text, 2) == ""
    assert cut(text, 2, at_least_one=True) == "A dog sleeps."
    assert cut(text, 99) == text


def test_names_and_gendered_nouns_are_seen_with_their_own_pronoun_only(documents: list[str]) -> None:
    gender = {name: kind for kind, text in NAMES.items() for name in text.replace("|", " ").split()}
    found = re.findall(r"([A-Z][a-z]+) (?:has |had )?\w+ (himself|herself)\b", " ".join(documents))
    found = [(name, anaphor) for name, anaphor in found if name in gender]
    assert len(found) > 500
    assert all((gender[name] == "male") == (anaphor == "himself") for name, anaphor in found)
    assert 0.4 < sum(anaphor == "himself" for _, anaphor in found) / len(found) < 0.6
