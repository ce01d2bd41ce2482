"""Files that are no configuration end in one clear line, in a moment."""

import os
import re
from pathlib import Path

import pytest

from babyllama.errors import ConfigError
from babyllama.settings import load_config

pytestmark = pytest.mark.unit

BASE = "extends: minimal.yaml\n"
BOMB = "a: &a [1]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGE_BOMB = "a: &a {k: 1}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 9)}]}}\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (BASE + "x: \x07", "c.yaml:2: not valid YAML: the control character U+0007"),
        (BASE + 'model: {name: "a\\nb"}', "holds a control character"),
        (BASE + 'model: {name: "\\ud800"}', "is not UTF-8 text"),
        (BASE + "a: &x [*x]", "an anchor that holds itself"),
        (BASE + "training: &x {lr: *x}", "an anchor that holds itself"),
        (BASE + "training: &x {<<: *x}", "an anchor that holds itself"),
        (BASE + BOMB, "more than 20,000 values"),
        (BASE + MERGE_BOMB, "more than 20,000 values"),
        ("a: " + "[" * 2000, "more than 30 levels"),
        ("a: " + "{a: " * 2000, "more than 30 levels"),
        ("- " * 2000, "more than 30 levels"),
        ("".join(" " * level + "b:\n" for level in range(500)), "more than 30 levels"),
        (BASE + "x: " + "y" * 300_000, "300,025 bytes are too many"),
        (BASE + "? [a]\n: b\n", "a key must be a name"),
        (BASE + "training: {<<: 3}", "<< needs a section"),
        ("a: 1\n---\nb: 2", "found another document"),
        ("training:\n\tlr: 1", "indent with spaces"),
        (b"model: {name: caf\xe9}", "c.yaml:1: not UTF-8 text: byte 0xe9 in line 1"),
        ("model: {}".encode("utf-16"), "it is UTF-16"),
    ],
)  # fmt: skip
def test_what_is_no_configuration_is_one_clear_line(mistakes, text: str | bytes, rule: str) -> None:
    assert rule in mistakes(text)


def test_merge_keys_share_values_and_give_way_to_own_ones(load) -> None:
    config = load(BASE + "training: &a {lr: 1, seed: 1}\noptimization: {}\ndata: &b {seq_length: 64}")
    assert config.training.lr == 1
    text = BASE + "data: &b {seq_length: 64, packing: concat}\n"
    assert load(text + "tokenizer: {<<: {nfkc: true, vocab_size: 300}, vocab_size: 400}").tokenizer.vocab_size == 400


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(load) -> None:
    assert load(b"\xef\xbb\xbfextends: minimal.yaml\r\ntraining:\r\n  lr: 1e-3\r\n").training.lr == 1e-3


def test_extends_ends_in_one_line_where_it_cannot_be_followed(mistakes, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for number in range(30):
        (tmp_path / f"{number}.yaml").write_text(f"extends: {number + 1}.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: c.yaml\n")
    for target, rule in {
        "b.yaml": "extends itself by way of",
        "0.yaml": "more than 20 files that extend one another",
        "/dev/zero": "is no regular file",
        "fifo": "is no regular file",
        ".": "is a folder",
        "no.yaml": "c.yaml: extends: configuration not found",
        '""': "must be a path; it is empty",
        '"a\\0b"': "control character",
        "[a]": "must be the name of a YAML file",
        "$NOT_SET_HERE/a.yaml": "NOT_SET_HERE is not set",
    }.items():
        assert rule in mistakes(f"extends: {target}\n"), target
    for path in (tmp_path / "fifo", "/dev/zero", tmp_path, "a\0b", "x" * 5000):
        with pytest.raises(ConfigError):
            load_config(path)


def test_extends_finds_home(load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load("extends: ~/minimal.yaml").model.name == "tiny"


def test_all_keys_are_looked_at_at_once(mistakes) -> None:
    text = BASE + (
        "mixing:\n  sources:\n    - path: a\n      weight: .inf\n    - path: b\n      domain: childs\n"
        "  budget: 3 apples\n  dev_budget: -1\n  seed: -1\ntraining:\n  seed: 4294967296\n  threads: 1e12\n  keep_best: true\n"
        "  batch_size: auto\ndata:\n  eval_path: null\n  packed_dir: ''\n"
    )
    message = mistakes(text, "training.device=gpu", "model.n_layer=100000", "training.lr.x=3", "model.hidden_size=33")
    for line in (
        r"c\.yaml:5: mixing\.sources\[0\]\.weight = \.inf: must be a finite number",
        r"c\.yaml:7: mixing\.sources\[1\]\.domain = 'childs': unknown domain; did you mean 'childes'",
        r"c\.yaml:8: mixing\.budget = '3 apples': is not an amount of text",
        r"c\.yaml:9: mixing\.dev_budget = -1: is not an amount of text",
        r"c\.yaml:10: mixing\.seed = -1: must be at least 0",
        r"c\.yaml:12: training\.seed = 4294967296: must be at most 4294967295",
        r"c\.yaml:13: training\.threads = 1e12: must be at most 4096",
        r"c\.yaml:14: training\.keep_best = true: needs held-out text",
        r"c\.yaml:15: training\.batch_size = 'auto': auto needs training\.effective_batch_size",
        r"c\.yaml:18: data\.packed_dir = '': must be a path; it is empty",
        r"override training\.device=gpu: training\.device = 'gpu': must be auto, cpu, cuda, cuda:N or mps",
        r"override model\.n_layer=100000: model\.n_layer = 100000: must be at most 1024",
        r"override training\.lr\.x=3: training\.lr = .*must be a number",
        r"override model\.hidden_size=33: model\.hidden_size = 33: must be a multiple of model\.n_head",
    ):
        assert re.search(line, message), line
    assert message.startswith("14 mistakes")


def test_mistakes_of_other_sections_are_found_without_a_model(mistakes) -> None:
    message = mistakes("model: {n_layer: x}\ntraining: {batch_size: auto}\n")
    assert "model.hidden_size: is required" in message
    assert "auto needs training.effective_batch_size" in message
    assert "multiple of" not in message, "a key that is missing has no value to judge"


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        ("budget: 2MB, unit: words", "different units"),
        ("budget: 5M tokens, exact: true", "tokens cannot be cut"),
        ("on_short: repeat", "repeat needs mixing.budget"),
        ("max_unit: 10 words", "must be a size in bytes"),
    ],
)
def test_what_a_mix_cannot_be_is_found_with_the_configuration(mistakes, keys: str, rule: str) -> None:
    assert rule in mistakes(f"{BASE}mixing: {{sources: [{{path: a}}], {keys}}}")


@pytest.mark.parametrize("name", ["~", "a/~x", "", " ", "..", "a//b", "/abs", "x" * 300])
def test_a_name_that_is_no_folder_name_is_refused(mistakes, name: str) -> None:
    assert re.search("must be a folder name|too long for a folder name", mistakes(f'{BASE}model: {{name: "{name}"}}'))
