"""Filters and replacements of a mix: which sentences stay, what is counted, what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from babyllama.artifacts import Manifest
from babyllama.config import Config
from babyllama.config.tables import PREDICATES
from babyllama.corpus.mixing import mix
from babyllama.corpus.mixing.editing import sentences
from babyllama.corpus.reading import read_documents
from babyllama.errors import ConfigError, DataError
from babyllama.settings import config_from_values

TEXT = """\
The cat was chased by the dog. Mr. Smith saw it! She had a plan.
The house is painted.

These cats sleep. J. Brown wrote that "they sleep." Then he left
The vase had fallen.

It was taken.
"""


def config(root: Path, **mixing: object) -> Config:
    return config_from_values(
        {
            "data": {"train_path": str(root / "mix")},
            "model": {"type": "Llama", "hidden_size": 8, "n_layer": 1, "n_head": 1},
            "mixing": {"root": str(root), "sources": [{"path": "a.txt"}], **mixing},
        }
    )


@pytest.fixture
def world(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "dev.txt").write_text("Rome was built by men. They slept.\n")
    return tmp_path


@pytest.mark.unit
def test_the_sentences_of_a_line_joined_are_the_line():
    lines = [
        *TEXT.split("\n"),
        "He said: “Go!”  (Now.) ok. e.g. this one. Dr. No came... Then 3.5 of them.",
        "  a. B. c ",
    ]
    for line in lines:
        assert "".join(sentences(line)) == line
    assert [one.strip() for one in sentences(lines[0])] == [
        "The cat was chased by the dog.", "Mr. Smith saw it!", "She had a plan.",
    ]  # fmt: skip
    assert list(sentences("J. Brown left. I saw T. S. Eliot.")) == ["J. Brown left. ", "I saw T. S. Eliot."]


@pytest.mark.unit
def test_a_corpus_without_passives_is_two_lines(world):
    report = mix(config(world, filter=[{"drop_if": "passive"}]))
    assert list(read_documents([report.train])) == [
        "Mr. Smith saw it! She had a plan.",
        'These cats sleep. J. Brown wrote that "they sleep." Then he left\nThe vase had fallen.',
    ]
    (row,) = Manifest.read(report.folder).outputs["sources"]
    assert row["edits"]["left_out"] == [{"filter": "drop_if passive", "sentences": 3}]
    assert row["edits"]["sentences"] == 9
    assert "drop_if passive: 3 of 9 sentences left out (33.33%)" in report.table()


@pytest.mark.unit
def test_what_is_kept_and_what_is_dropped_are_the_whole(world):
    kept = "\n".join(read_documents([mix(config(world, filter=[{"keep": "sleep|left"}])).train]))
    rest = "\n".join(read_documents([mix(config(world, filter=[{"drop": "sleep|left"}])).train]))
    assert kept == 'These cats sleep. J. Brown wrote that "they sleep." Then he left'
    words = sorted(re.findall(r"\w+", TEXT))
    assert sorted(re.findall(r"\w+", kept + " " + rest)) == words


@pytest.mark.unit
def test_replacements_are_made_one_after_another_and_counted(world):
    replace = [{"pattern": r"(\w+) was (\w+)", "by": r"\1 got \2"}, {"pattern": "got", "by": "became"}]
    report = mix(config(world, filter=[{"drop": "sleep"}], replace=replace))
    text = report.train.read_text()
    assert "The cat became chased" in text
    assert "It became taken." in text
    (row,) = Manifest.read(report.folder).outputs["sources"]
    assert [one["matches"] for one in row["edits"]["replaced"]] == [2, 2]


@pytest.mark.unit
def test_another_filter_is_another_mix_and_no_filter_the_one_before(world):
    plain = mix(config(world)).train.read_bytes()
    assert mix(config(world)).reused
    settings = Manifest.read(world / "mix").settings
    assert not {"filter", "replace", "edit_dev"} & set(settings)  # mixes made before filters existed stay what they are
    assert mix(config(world, filter=[{"drop": "cat"}])).reason.startswith("changed setting: edit_dev")
    assert mix(config(world, filter=[{"drop": "dog"}])).reason.startswith("changed setting: filter")
    assert mix(config(world, replace=[])).train.read_bytes() == plain


@pytest.mark.unit
def test_held_out_text_of_its_own_stays_the_same_unless_asked(world):
    dev = {"budget": "150", "dev_budget": "20", "dev_sources": [{"path": "dev.txt"}], "on_short": "stop"}
    one = mix(config(world, filter=[{"drop_if": "passive"}], **{**dev, "dev_budget": "40"}))
    assert "Rome was built" in one.dev.read_text()
    assert all("edits" not in row for row in one.dev_sources)
    other = mix(config(world, filter=[{"drop_if": "passive"}], edit_dev=True, **dev))
    assert other.dev.read_text().startswith("They slept.")


@pytest.mark.unit
def test_a_document_whose_beginning_is_left_out_is_a_document_of_its_own(tmp_path, monkeypatch):
    """A long document comes in parts; the part that is left is no piece of the document before."""
    from babyllama.corpus.reading import splitting

    monkeypatch.setattr(splitting, "MAX_DOCUMENT", 60)
    long = "\n".join(["Drop this line please."] * 4 + ["Keep this line please."] * 4)
    (tmp_path / "a.txt").write_text(f"The first one is kept.\n\n{long}\n")
    report = mix(config(tmp_path, filter=[{"drop": "^Drop"}]))
    assert [text.split(".")[0] for text in read_documents([report.train])] == [
        "The first one is kept",
        "Keep this line please",
    ]


@pytest.mark.unit
def test_a_predicate_of_a_plugin_and_its_faults(world):
    with PREDICATES.restored():
        PREDICATES.register("short", lambda sentence: len(sentence.split()) < 4)
        report = mix(config(world, filter=[{"keep_if": "short"}]))
        assert list(read_documents([report.train])) == ["These cats sleep. Then he left", "It was taken."]
        PREDICATES.register("short", lambda sentence: len(sentence.split()) < int("4"))
        assert mix(config(world, filter=[{"keep_if": "short"}])).reason.startswith("changed setting: filter")
        PREDICATES.register("short", lambda sentence: sentence[99])
        with pytest.raises(DataError, match=r"the predicate 'short' failed on .*IndexError"):
            mix(config(world, filter=[{"keep_if": "short"}]))
        PREDICATES.register("short", lambda sentence: "yes")
        with pytest.raises(DataError, match="a predicate gives true or false"):
            mix(config(world, filter=[{"keep_if": "short"}]))


@pytest.mark.unit
@pytest.mark.parametrize(
    ("mixing", "says"),
    [
        ({"filter": [{"drop": "("}]}, r"mixing.filter\[0\].drop = '\(': is no regular expression"),
        ({"filter": [{"drop": "x*"}]}, "is found in every text"),
        ({"filter": [{}]}, r"mixing.filter\[0\]: give exactly one of drop, keep, drop_if, keep_if"),
        ({"filter": [{"drop": "a", "keep": "b"}]}, "give exactly one"),
        ({"filter": [{"drop_if": "pasive"}]}, "did you mean 'passive'"),
        ({"replace": [{"pattern": "(a)", "by": r"\2"}]}, r"mixing.replace\[0\].by = .*does not fit the pattern"),
        ({"filter": [{"drop": "a"}], "dev_budget": "20", "budget": "90"}, "mixing.edit_dev: must be true"),
        ({"filters": []}, "did you mean mixing.filter"),
    ],
)
def test_what_cannot_be_edited_is_one_clear_error(world, mixing, says):
    with pytest.raises(ConfigError, match=says):
        config(world, **mixing)


@pytest.mark.unit
def test_a_filter_that_leaves_nothing_says_so(world):
    with pytest.raises(DataError, match=r"no text after cleaning and mixing.filter"):
        mix(config(world, filter=[{"keep": "zebra"}]))


@pytest.mark.unit
@pytest.mark.parametrize(
    ("name", "found", "not_found"),
    [
        ("passive", ["It was quickly eaten.", "They've been told.", "It's not been done.", "He got hit."], ["He was here.", "She has eaten."]),
        ("reflexive", ["He hurt himself.", "Help yourselves!"], ["The self is a myth.", "He hurt him."]),
        ("existential_there", ["There was a dog.", "There's no one.", "There may have been two.", "Is there one?"], ["He went there alone.", "They were here."]),
        ("plural_demonstrative", ["Those cats left."], ["The hosed car."]),
    ],
)  # fmt: skip
def test_the_constructions_known_by_name(name, found, not_found):
    pattern = PREDICATES.get(name)
    assert [bool(pattern.search(text)) for text in [*found, *not_found]] == [True] * len(found) + [False] * len(
        not_found
    )
