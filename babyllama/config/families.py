"""What the configuration check knows of model families, without loading a model library.

The architectures room registers its families here when it is imported; a family file imports transformers only inside
its `build`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from babyllama.config.sections import ModelSection


class FamilyRules(Protocol):
    """The part of a family that a configuration is checked against."""

    @property
    def name(self) -> str:
        """The value of `model.type`."""

    @property
    def optional_keys(self) -> frozenset[str]:
        """Keys of the `model` section that this family uses and not every family has."""

    def problems(self, model: ModelSection) -> Iterable[tuple[str, str]]:
        """(key, broken rule) for every value that this family cannot build."""


_families: dict[str, FamilyRules] = {}

FAMILY_KEYS = ("n_kv_head", "resid_pdrop", "attn_pdrop", "embd_pdrop")
"""Keys of the `model` section that only some families have."""


def register_rules(family: FamilyRules) -> None:
    """Make `family` known to the configuration check."""
    _families[family.name] = family


def family_rules() -> dict[str, FamilyRules]:
    """The known families by name, in order of registration."""
    return dict(_families)
