"""A configuration is accepted and means what it says, or is refused in one error: thousands of damaged variants."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from babyllama.config import Config
from babyllama.config.reference import section_keys
from babyllama.config.types import expand_path, members_of, section_of
from babyllama.errors import ConfigError
from babyllama.settings import load_config, resolved_yaml

pytestmark = [pytest.mark.unit, pytest.mark.slow]

REPOSITORY = Path(__file__).resolve().parents[2]
BASES = [(REPOSITORY / "config" / f"{name}.yaml").read_text() for name in ("minimal", "babylm-llama-26m", "gpt2-97M")]
BASES += [(REPOSITORY / "config" / f"{name}.yaml").read_text() for name in ("quickstart", "gpt-97M", "tinystories-3M")]
VALUES = [
    "0", "-1", "1", "3", "0010", "12e5", "1e400", "1e-400", "9" * 5000, ".5", "-0.0", "1_000", "1,000", "0x10", "4294967296",
    "true", "false", "yes", "no", "null", "~", "None", "", ".inf", "-.inf", ".nan", "inf", "nan", "1:30", "1.10", "2020-99-99",
    "2024-01-05", "'", '"', '"a\\nb"', '"\\0"', '"\\ud800"', "''", "[", "]", "{", "}", "[1, 2]", "{a: 1}", "[[[[]]]]", "- a",
    "!!int x", "!!str 7", "!x y", "!!binary aGk=", "&a x", "*a", "&a [*a]", "<<", "|", ">", "|\n  a\n  b", "a: b", "a #b", "%",
    "@", "`", "~/x", "~nobody/x", "$HOME/x", "$NOT_SET/x", "${", "../x", "..", ".", "/", "a/b", "~", "x" * 300, "é", "模型",
    "\u202ex", "\ufeff", "\x07", "\x85", "auto", "muon", "adamw", "Llama", "GPT2", "lama", "cpu", "cuda:1", "gpu", "2MB", "3 apples",
    "10M words", "5k tokens", "word", "fp16", "bf16", "best_fit", "[perplexity]", "[blimp, generation]", "[{path: a}]",
]  # fmt: skip
EXTENDS = ["fuzz.yaml", "minimal.yaml", "/dev/zero", ".", "no.yaml", "''", "[a]", "~/x.yaml", "null", "loop.yaml"]
LINES = [
    "training:",
    "model:",
    "  lr: 1",
    "a: &a [1, 2]",
    "b: *a",
    "<<: {lr: 1}",
    "\tlr: 1",
    "---",
    "...",
    "? [a]",
    "- 1",
    "mixing:",
    "}",
]
KEYS = [
    *(key.replace("[]", "") for key in section_keys()),
    "training.lr.x",
    "model.nme",
    "trainin.lr",
    "mixing.sources",
    "model",
    "x.y",
]
SLOWEST = 2.0
"""Seconds of this process's own work; a variant takes a hundredth of that."""

positions = st.integers(0, 10_000)
values = st.one_of(st.sampled_from(VALUES), st.text(max_size=6), st.integers().map(str), st.floats().map(repr))


@st.composite
def documents(draw: Any) -> str:
    """A shipped configuration with up to three damages."""
    text = draw(st.sampled_from(BASES))
    for kind in draw(st.lists(st.sampled_from("vvvkdlixe"), max_size=3)):
        lines = text.split("\n")
        at = draw(positions) % len(lines)
        head = lines[at].split(":")[0]
        if kind == "v":  # another value
            lines[at] = f"{head}: {draw(values)}"
        elif kind == "k":  # another key
            lines[at] = (
                lines[at].replace(head.strip(), draw(st.sampled_from(KEYS)).split(".")[-1], 1)
                if head.strip()
                else "x: 1"
            )
        elif kind == "d":  # a line is lost, or stands twice
            lines[at : at + 1] = [] if draw(st.booleans()) else [lines[at]] * 2
        elif kind == "l":
            lines.insert(at, draw(st.sampled_from(LINES)))
        elif kind == "i":  # other indentation
            lines[at] = " " * draw(st.integers(0, 6)) + lines[at].strip()
        elif kind == "e":
            lines.insert(0, f"extends: {draw(st.sampled_from(EXTENDS))}")
        text = "\n".join(lines)
        if kind == "x":  # one character
            place = draw(positions) % (len(text) + 1)
            text = (
                text[:place]
                + draw(st.one_of(st.sampled_from("{}[]:,&*!|>'\"%@`#-?\t\x00"), st.characters()))
                + text[place + 1 :]
            )
    return text


overrides = st.lists(st.tuples(st.sampled_from(KEYS), values), max_size=2)


def written(document: Any, key: str) -> Any:
    """The text that a plain YAML reader, which knows no types, finds for a dotted key."""
    for part in key.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "minimal.yaml").write_text(BASES[0])
    (folder / "gpt-97M.yaml").write_text((REPOSITORY / "config" / "gpt-97M.yaml").read_text())
    (folder / "loop.yaml").write_text("extends: fuzz.yaml\n")
    return folder


@settings(max_examples=2100, suppress_health_check=list(HealthCheck))
@given(text=documents(), given_overrides=overrides)
def test_a_damaged_configuration_is_refused_in_one_error_or_means_what_it_says(
    folder: Path, text: str, given_overrides: list[tuple[str, str]]
) -> None:
    path = folder / "fuzz.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    began = time.process_time()
    try:
        config = load_config(path, [f"{key}={value}" for key, value in given_overrides])
    except ConfigError as error:
        config, refused = None, str(error)
    assert time.process_time() - began < SLOWEST
    if config is None:
        assert 0 < len(refused) < 20_000
        return
    rendered = folder / "rendered.yaml"
    rendered.write_text(resolved_yaml(config), encoding="utf-8")
    assert load_config(rendered) == config
    assert all(math.isfinite(value) for value in numbers(config.model_dump()))
    check_texts(config, text, dict(given_overrides))


def numbers(values: Any) -> list[float]:
    if isinstance(values, dict | list):
        return [
            number for value in (values.values() if isinstance(values, dict) else values) for number in numbers(value)
        ]
    return [values] if isinstance(values, int | float) else []


def check_texts(config: Config, text: str, given_overrides: dict[str, str]) -> None:
    """Every text key holds what the override, else the file, says; paths with home and variables in place."""
    document = yaml.load(text, Loader=yaml.BaseLoader)
    for name, field in Config.model_fields.items():
        section = section_of(field.annotation)
        if section is None:
            continue
        values = getattr(config, name)
        for key, value_field in section.model_fields.items():
            found = getattr(values, key) if values is not None else None
            said = given_overrides.get(f"{name}.{key}", written(document, f"{name}.{key}"))
            if not isinstance(found, str) or str not in members_of(value_field.annotation) or not isinstance(said, str):
                continue
            if f"{name}.{key}" in given_overrides and said[:1] in ("'", '"'):
                continue  # quotes may stand around an override, or be part of it
            assert found in (said, os.path.expandvars(os.path.expanduser(said))), (name, key)
            assert found == said or expand_path(said) == found
