"""The synthetic minimal pairs: what is held out for them, their form, and that word frequency does not solve them."""

import json
import math
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from babyllama.synthetic import SyntheticReport, synthesize
from babyllama.synthetic.frequencies import expected_counts, tokens_of
from babyllama.synthetic.pairs import write_pairs
from babyllama.synthetic.paradigms import PARADIGMS
from babyllama.synthetic.vocabulary import COMPLEXITIES, vocabulary

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


@pytest.fixture(scope="module")
def pairs(report: SyntheticReport) -> dict[str, list[dict]]:
    return {
        file.stem: [json.loads(line) for line in file.read_text().splitlines()]
        for file in sorted(report.pairs.glob("*.jsonl"))
    }


def forms_of(lemma: str) -> set[str]:
    """Every form of a word of the lexicon, of a name, or of `this`, in lower case."""
    words = vocabulary("rich")
    for forms in [noun.forms for noun in words.all_nouns()] + [verb.forms for verb in words.all_verbs()]:
        if forms[0] == lemma:
            return set(forms)
    return {"this", "these"} if lemma == "this" else {lemma.lower()}


# ---------------------------------------------------------------------------------------------------------------------
# Held-out combinations


def test_no_document_holds_a_held_out_combination(documents: list[str]) -> None:
    words = vocabulary("medium")
    nouns = {form: words.bucket(noun) for noun in words.all_nouns() for form in noun.forms}
    nouns |= {name: words.bucket(name) for entries in words.names.values() for name in entries}
    predicates = {form: words.bucket(verb) for verb in words.all_verbs() for form in verb.forms}
    predicates |= {word: words.bucket(word) for entries in words.adjectives.values() for word in entries}
    for document in documents:
        found = {word if word in nouns else word.lower() for word in WORD.findall(document)}
        noun_buckets = {nouns[word] for word in found & nouns.keys()}
        assert noun_buckets & {predicates[word] for word in found & predicates.keys()} == set()
        assert not (0 in noun_buckets and found & {"this", "these"})


@pytest.mark.parametrize("seed", [None, 7])
def test_no_pair_occurs_in_the_text(
    seed: int | None, documents: list[str], pairs: dict[str, list[dict]], tmp_path: Path
) -> None:
    """Neither its sentences nor its critical words in one document; also not in text written with another seed."""
    if seed is not None:
        other = synthesize(tmp_path, num_words=100_000, seed=seed, pairs_per_paradigm=1)
        documents = other.train.read_text().removesuffix("\n").split(SEPARATOR)
    sentences = {sentence.strip('"').lower() for document in documents for sentence in SENTENCE_END.split(document)}
    assert len(sentences) > 5_000
    where: dict[str, set[int]] = defaultdict(set)
    for number, document in enumerate(documents):
        for word in WORD.findall(document.lower()):
            where[word].add(number)
    for rows in pairs.values():
        for row in rows:
            assert row["sentence_good"].lower() not in sentences
            assert row["sentence_bad"].lower() not in sentences
            noun, predicate = (set().union(*(where[form] for form in forms_of(word))) for word in row["critical_pair"])
            assert noun, row["critical_pair"]
            assert predicate, row["critical_pair"]
            assert noun & predicate == set(), row


# ---------------------------------------------------------------------------------------------------------------------
# Minimal pairs


def test_pairs_have_the_form_of_blimp(pairs: dict[str, list[dict]], shared_data: Path) -> None:
    blimp = [json.loads(file.open().readline()) for file in (shared_data / "blimp_half").glob("*.jsonl")]
    required = set.intersection(*(set(row) for row in blimp)) - {"lexically_identical"}
    fields = {row["field"] for row in blimp}
    terms = {row["linguistics_term"] for row in blimp}
    for rows in pairs.values():
        for row in rows:
            assert required <= row.keys()
            assert row["field"] in fields
            assert row["linguistics_term"] in terms
            assert [type(row[key]) for key in sorted(required)] == [type(blimp[0][key]) for key in sorted(required)]


def test_pairs_are_many_and_of_equal_length(pairs: dict[str, list[dict]]) -> None:
    assert len(pairs) >= 14
    assert len({rows[0]["linguistics_term"] for rows in pairs.values()}) >= 7
    for uid, rows in pairs.items():
        assert len(rows) == 200, uid
        assert [row["UID"] for row in rows] == [uid] * len(rows)
        assert [row["pairID"] for row in rows] == [str(number) for number in range(len(rows))]
        assert len({row["sentence_good"] for row in rows}) == len(rows)
        for row in rows:
            good, bad = row["sentence_good"].split(), row["sentence_bad"].split()
            assert len(good) == len(bad)
            assert good != bad
            if row["one_prefix_method"]:
                prefix = row["one_prefix_prefix"]
                assert row["sentence_good"].startswith(f"{prefix} {row['one_prefix_word_good']}".strip())
                assert row["sentence_bad"].startswith(f"{prefix} {row['one_prefix_word_bad']}".strip())


def test_every_word_of_a_pair_is_known_from_the_text(pairs: dict[str, list[dict]], documents: list[str]) -> None:
    counts = Counter(word for document in documents for word in WORD.findall(document.lower()))
    tested = {
        word
        for rows in pairs.values()
        for row in rows
        for word in WORD.findall(f"{row['sentence_good']} {row['sentence_bad']}".lower())
    }
    assert len(tested) > 800
    assert {word for word in tested if not counts[word]} == set()


def test_a_unigram_model_scores_about_one_half(pairs: dict[str, list[dict]], documents: list[str]) -> None:
    tokens = re.compile(r"\w+|[^\w\s]")
    counts = Counter(token for document in documents for token in tokens.findall(document))

    def score(sentence: str) -> float:
        return sum(math.log(counts[token] + 1) for token in tokens.findall(sentence))

    accuracies = {}
    for uid, rows in pairs.items():
        margins = [score(row["sentence_good"]) - score(row["sentence_bad"]) for row in rows]
        accuracies[uid] = sum(0.5 if abs(margin) < 1e-9 else margin > 0 for margin in margins) / len(rows)
    assert {uid: accuracy for uid, accuracy in accuracies.items() if not 0.35 <= accuracy <= 0.65} == {}
    assert 0.45 <= sum(accuracies.values()) / len(accuracies) <= 0.55


@pytest.mark.parametrize("complexity", COMPLEXITIES)
def test_every_complexity_has_all_its_pairs(complexity: str) -> None:
    written = dict(write_pairs(PARADIGMS, complexity, 3, 50))
    wanted = {paradigm.uid for paradigm in PARADIGMS if paradigm.complexity == "simple" or complexity != "simple"}
    assert {uid: text.count("\n") for uid, text in written.items()} == dict.fromkeys(wanted, 50)


def test_expected_word_frequencies_are_those_of_the_text(documents: list[str]) -> None:
    counts = Counter(token for document in documents for token in tokens_of(document))
    expected = expected_counts("medium")
    share = counts.total() / 1_000_000
    assert counts.keys() <= expected.keys()
    deviations = [(counts[word] - count * share) / math.sqrt(count * share) for word, count in expected.items()]
    # One for independent words; recurring names and things make it a little more.
    assert math.sqrt(sum(deviation**2 for deviation in deviations) / len(deviations)) < 1.5
