"""What a value is: YAML 1.2 scalars, the same in a file and on the command line; text keys keep what was written."""

import re

import pytest

from babyllama.config.scalars import RESOLVERS, dump

pytestmark = pytest.mark.unit

BASE = "extends: minimal.yaml\n"
WRITTEN = [
    "0010",
    "1:30",
    "1.10",
    "12e5",
    "2024-01-05",
    "no",
    "yes",
    "on",
    "true",
    "None",
    "0x10",
    "1_000",
    ".inf",
    "=",
    "a#b",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_text_key_keeps_what_was_written(load, text: str) -> None:
    assert load(f"{BASE}model: {{name: {text}}}").model.name == text
    assert load(BASE, f"model.name={text}").model.name == text
    if text != "None":
        assert load(f"{BASE}mixing: {{sources: [{{path: {text}}}]}}").mixing.sources[0].path == text


@pytest.mark.parametrize("text", ["./a, b", "[x", "{", "*.txt", "&a", "a: b", "@x", "%d", "x #1", "- x", '"', "!x"])
def test_an_override_of_a_text_key_needs_no_quotes(load, text: str) -> None:
    assert load(BASE, f"data.train_path={text}").data.train_path == text


@pytest.mark.parametrize("text", ["010", "+10", "10.0", "1e1", '"10"'])
def test_numbers_are_decimal(load, text: str) -> None:
    assert load(f"{BASE}training: {{batch_size: {text}}}").training.batch_size == 10
    assert load(BASE, f"training.batch_size={text}").training.batch_size == 10


@pytest.mark.parametrize(
    "text", ["true", "1:30", ".inf", "-.INF", ".nan", "0x10", "2020-99-99", "2024-01-05", "1,000", "nan", "[1]", "{}"]
)
def test_what_is_no_number_is_refused_where_one_belongs(mistakes, text: str) -> None:
    assert re.search(
        r"c\.yaml:3: training\.lr = .*must be a (finite )?number", mistakes(f"{BASE}training:\n  lr: {text}\n")
    )
    assert f"override training.lr={text}: training.lr = " in mistakes(BASE, f"training.lr={text}")


@pytest.mark.parametrize("text", ["true", "True", "yes", "on", "1"])
def test_booleans_in_the_spellings_of_older_files(load, text: str) -> None:
    assert load(f"{BASE}training: {{keep_best: {text}}}").training.keep_best is True


def test_an_integer_of_5000_digits_is_refused(mistakes) -> None:
    for key in ("lr", "seed", "max_steps"):
        message = mistakes(f"{BASE}training: {{{key}: {'9' * 5000}}}")
        assert f"training.{key} = 999" in message
        assert len(message) < 300


@pytest.mark.parametrize(
    ("text", "rule"), [("!!int x", "'x' is no int"), ("!!foo 3", "the tag 'foo' has no meaning here")]
)
def test_an_explicit_tag_is_held_to_its_word(mistakes, load, text: str, rule: str) -> None:
    assert rule in mistakes(f"{BASE}training: {{seed: {text}}}")
    assert load(f"{BASE}training: {{seed: !!int 3}}\nmodel: {{name: !!str 007}}").model.name == "007"


@pytest.mark.parametrize("value", [*WRITTEN, "", "null", "~", "a: b", "- a", "'", '"', "é", "<<", "-.5", "x\u00a0y"])
def test_text_is_dumped_so_that_it_is_read_back(value: str) -> None:
    import yaml

    from babyllama.config.yaml_file import parse

    source = parse(dump({"key": value}), "c.yaml")
    assert source.values["key"].text == value
    assert isinstance(source.values["key"].value, str)
    assert yaml.safe_load(dump({"key": value})) == {"key": value}, "readers of YAML 1.1 read the same"


def test_every_resolver_reads_a_whole_scalar() -> None:
    assert not any(pattern.match("x 1") or pattern.match("1 x") for pattern in RESOLVERS.values())
