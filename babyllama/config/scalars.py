"""Single values as they are written: YAML 1.2 scalars with the text they came from.

What a scalar is depends on the key it belongs to: `name: 0010` is the text 0010, `batch_size: 0010` the number 10. So a
value is read into both, and the type of its key decides (`typed`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from babyllama.config.types import item_of, members_of, section_of

NULL, BOOL, INT, FLOAT, TEXT = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str"))
MERGE = "tag:yaml.org,2002:merge"

RESOLVERS = {
    NULL: re.compile(r"(~|null|Null|NULL)?\Z"),
    BOOL: re.compile(r"(true|True|TRUE|false|False|FALSE)\Z"),
    INT: re.compile(r"[-+]?[0-9]+\Z", re.ASCII),
    FLOAT: re.compile(
        r"([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z", re.ASCII
    ),
    MERGE: re.compile(r"<<\Z"),
}
"""What a plain scalar may be besides text: the core schema of YAML 1.2.2 (10.3.2) in decimal, and merge keys."""

_MOST_DIGITS = 300
"""Python reads whole numbers of up to 4,300 digits; what does not fit a float is no number of ours either."""


@dataclass(frozen=True)
class Scalar:
    """One value as written."""

    text: str
    """Without quotes."""
    value: Any
    """As YAML reads it: None, a boolean, a number or text; of an override also a list or a section."""

    def __str__(self) -> str:
        """As an error shows it: numbers as they were written, text in quotes."""
        return repr(self.text) if isinstance(self.value, str) else self.text or "null"


def scalar_value(tag: str, text: str) -> Any:
    """The value of a scalar of a resolved or explicit `tag`; ValueError where `text` is none of its kind."""
    kind = tag.rsplit(":", 1)[-1]
    if tag in (TEXT, MERGE):
        return text
    if tag not in RESOLVERS:
        raise ValueError(f"the tag {tag.removeprefix('tag:yaml.org,2002:')!r} has no meaning here; remove it")
    if not RESOLVERS[tag].match(text) and not (tag == FLOAT and RESOLVERS[INT].match(text)):
        raise ValueError(f"{text[:40]!r} is no {kind}")
    if tag == NULL:
        return None
    if tag == BOOL:
        return text[0] in "tT"
    if tag == INT and len(text) <= _MOST_DIGITS:
        return int(text)
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def typed(value: Any, annotation: Any) -> Any:
    """`value` with every Scalar in it replaced by what its key asks for: the text as written, or the value."""
    if isinstance(value, Scalar):
        if str in members_of(annotation):
            return None if value.value is None else value.text
        return typed(value.value, annotation)
    if isinstance(value, dict):
        section = section_of(annotation)
        fields = section.model_fields if section else {}
        return {key: typed(item, fields[key].annotation if key in fields else Any) for key, item in value.items()}
    if isinstance(value, list):
        item = item_of(annotation)
        return [typed(one, item) for one in value]
    return value


class _Dumper(yaml.SafeDumper):
    """Quotes what would not be read back as text, by this module or by a reader of YAML 1.1."""


_Dumper.yaml_implicit_resolvers = {**yaml.SafeDumper.yaml_implicit_resolvers, None: list(RESOLVERS.items())}


def dump(values: Any) -> str:
    """`values` as YAML that this module reads back."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
