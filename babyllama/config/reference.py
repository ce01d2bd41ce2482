"""Every key of a configuration: the JSON schema for editors, and the reference for help and docs."""

from __future__ import annotations

import typing
from typing import Any

from pydantic.fields import FieldInfo

from babyllama.config.scalars import dump
from babyllama.config.sections import Config
from babyllama.config.tables import FAMILIES, OBJECTIVES, OPTIMIZERS, PROTOCOLS, TASKS
from babyllama.config.types import Section, section_of

WRITTEN_BY = {
    "config/schema.json": "babyllama config schema > config/schema.json",
    "docs/config-reference.md": "babyllama config reference > docs/config-reference.md",
}
"""Generated file -> the command that renews it."""


def json_schema() -> dict[str, Any]:
    """The JSON schema that editors check a YAML file with. Nothing is required, since a file may `extends:` another."""
    schema = Config.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "BabyLlama configuration"
    schema["$comment"] = f"written by: {WRITTEN_BY['config/schema.json']}"
    extends = {
        "type": "string",
        "description": "Another YAML file, relative to this one, that this one is laid over.",
    }
    schema["properties"] = {"extends": extends, **schema["properties"]}
    for section in (schema, *schema["$defs"].values()):
        section.pop("required", None)
    schema["$defs"]["ModelSection"]["properties"]["type"]["enum"] = list(FAMILIES)
    evaluation = schema["$defs"]["EvaluationSection"]["properties"]
    schema["$defs"]["TrainingSection"]["properties"]["objective"]["enum"] = list(OBJECTIVES)
    schema["$defs"]["OptimizationSection"]["properties"]["optimizer"]["enum"] = list(OPTIMIZERS)
    evaluation["protocol"]["enum"], evaluation["tasks"]["items"]["enum"] = list(PROTOCOLS), list(TASKS)
    return schema


def section_keys(section: type[Section] = Config, prefix: str = "") -> list[str]:
    """Every dotted key below `section`."""
    keys = []
    for name, field in section.model_fields.items():
        below = section_of(field.annotation)
        keys += section_keys(below, f"{prefix}{name}.") if below else [f"{prefix}{name}"]
    return keys


def key_table(section: type[Section] = Config, prefix: str = "") -> list[tuple[str, str, str, str]]:
    """(key, type, default, meaning) of every key, in the order of the sections."""
    rows = []
    for name, field in section.model_fields.items():
        below = section_of(field.annotation)
        meaning = " ".join((field.description or "").split())
        if below is None:
            rows.append((prefix + name, _type_name(field), _default(field), meaning))
        else:
            rows += key_table(below, f"{prefix}{name}{_item_mark(field.annotation)}.")
    return rows


def reference_markdown() -> str:
    """docs/config-reference.md."""
    lines = [
        "# Configuration reference",
        "",
        "Every key, from the docstrings in `babyllama/config/sections/`; this page is written by",
        f"`{WRITTEN_BY['docs/config-reference.md']}`.",
        "A YAML file is laid over the file it `extends:`; `section.key=value` on the command line is laid over both;",
        "dedicated flags over everything. `None` and `null` mean the same. Unknown keys, duplicate keys and contradictions",
        "are errors that name file and line. Numbers are decimal, text stays as it is written, and in paths `~` and `$VAR`",
        "are replaced.",
    ]
    for name, field in Config.model_fields.items():
        section = section_of(field.annotation)
        title = section.__doc__ if section else "Modules of your own."
        lines += ["", f"## {name}", "", str(title), "", "| key | type | default | meaning |", "|---|---|---|---|"]
        table = (
            key_table(section, f"{name}.")
            if section
            else [(name, _type_name(field), _default(field), field.description)]
        )
        for key, kind, default, meaning in table:
            lines.append(f"| `{key}` | {kind.replace('|', 'or')} | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def _item_mark(annotation: Any) -> str:
    return "[]" if "list[" in str(annotation) else ""


def _type_name(field: FieldInfo) -> str:
    return _annotation_name(field.annotation)


def _annotation_name(annotation: Any) -> str:
    if annotation is Any:
        return "anything"
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return " | ".join(map(str, typing.get_args(annotation)))
    if origin is list:
        return f"list of {_annotation_name(typing.get_args(annotation)[0])}"
    if origin is dict:
        return "keys and values"
    if origin is typing.Annotated:
        return _annotation_name(typing.get_args(annotation)[0])
    if origin is not None:
        parts = [_annotation_name(part) for part in typing.get_args(annotation)]
        return " | ".join(dict.fromkeys(parts))
    names = {int: "whole number", float: "number", str: "text", bool: "true | false", type(None): "null"}
    return names.get(annotation, str(annotation))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, list):
        return f"`[{', '.join(map(_on_one_line, value))}]`"
    return f"`{_on_one_line(value)}`"


def _on_one_line(value: Any) -> str:
    return dump(value).removesuffix("\n").removesuffix("\n...")
