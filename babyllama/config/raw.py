"""The values of a configuration before they are checked, each with the place it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from babyllama.config.problems import KeyPath, Place, Problem
from babyllama.config.scalars import Scalar

ONE_SETTING = (
    (("training", "precision"), ("training", "fp16"), ("training", "bf16")),
    (("training", "effective_batch_size"), ("training", "gradient_accumulation_steps")),
)
"""Keys of which one says what the others of its row say, or makes them follow: only the one given last counts."""

INIT_FROM = ("model", "init_from")
SIZES = tuple(
    ("model", key)
    for key in (
        *("type", "architecture", "hidden_size", "intermediate_size", "n_layer", "n_head", "n_kv_head", "hf"),
        *("tie_word_embeddings", "max_position_embeddings", "vocab_size", "initializer_range"),
    )
)
"""Keys that follow from the weights a model begins with: those of a file are not meant for other weights given later."""


@dataclass
class RawConfig:
    """Values with their places: nested dicts and lists whose leaves are Scalars, or plain values from a program."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    """Of keys and list items."""
    problems: list[Problem] = field(default_factory=list)

    def lay_over(self, other: RawConfig) -> None:
        """Merge `other`, which takes precedence: other spellings of what it says go, instead of contradicting it."""
        for row in ONE_SETTING:
            if any(_says_something(other.value_at(key)) for key in row):
                for key in row:
                    self._drop(key)
        if _says_something(other.value_at(INIT_FROM)):
            for key in SIZES:
                self._drop(key)
        self.merge(other)

    def _drop(self, key: KeyPath) -> None:
        section = self.value_at(key[:-1])
        if isinstance(section, dict) and section.pop(key[-1], None) is not None:
            self.places.pop(key, None)

    def merge(self, other: RawConfig) -> None:
        """Put `other` beside what is here: sections are merged key by key, everything else is replaced."""
        for key in _merge(self.values, other.values, ()):
            below = [place for name, place in other.places.items() if name[: len(key)] == key]
            self.places = {name: place for name, place in self.places.items() if name[: len(key)] != key}
            self.places |= {key: below[0]} if below else {}
        self.places |= other.places
        self.problems.extend(other.problems)

    def place_of(self, key: KeyPath) -> Place | None:
        """The place of `key`, else of the nearest section around it."""
        while key:
            if key in self.places:
                return self.places[key]
            key = key[:-1]
        return None

    def value_at(self, key: KeyPath) -> Any:
        """The value of `key`; None where there is none."""
        value: Any = self.values
        for part in key:
            if isinstance(value, Scalar):
                value = value.value
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def _says_something(value: Any) -> bool:
    """False and null leave a setting to its other spellings."""
    return (value.value if isinstance(value, Scalar) else value) not in (None, False)


def _merge(old: dict[str, Any], new: dict[str, Any], key: KeyPath) -> list[KeyPath]:
    """Merge in place; the keys whose values are new."""
    replaced: list[KeyPath] = []
    for name, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(name), dict):
            replaced += _merge(old[name], value, (*key, name))
        else:
            replaced.append((*key, name))
            old[name] = value
    return replaced
