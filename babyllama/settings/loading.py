"""YAML file, overrides and flags -> one checked `Config`. Every mistake is found before any is reported."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from babyllama.config.problems import KeyPath, Problem, dotted, raise_problems
from babyllama.config.raw import RawConfig
from babyllama.config.reference import section_keys
from babyllama.config.scalars import Scalar, typed
from babyllama.config.sections import Config
from babyllama.config.synonyms import near_synonym, synonym
from babyllama.config.types import Section, members_of, section_of
from babyllama.config.yaml_file import read_override, read_yaml, single_value
from babyllama.errors import ConfigError
from babyllama.registry import nearest
from babyllama.settings import starting_weights
from babyllama.settings.checks import cross_checks
from babyllama.settings.legacy import modernised
from babyllama.settings.plugins import load_installed, load_plugin
from babyllama.text import shortened

Flag = tuple[str, str, Any]
"""A command-line flag as given: (its name, the dotted key it sets, its value: text as typed, or true or false)."""


def load_config(
    path: str | Path, overrides: Iterable[str] = (), flags: Iterable[Flag] = (), plugins: Iterable[str] = ()
) -> Config:
    """Read the configuration in `path`; `section.key=value` overrides and then `flags` take precedence.

    `plugins` are modules beside those that the file names.

    Raises ConfigError with file and line (or the override), key, value, rule and nearest known key of every mistake.
    """
    return _layered(read_yaml(path), str(path), overrides, flags, plugins)


def config_of_defaults(
    defaults: dict[str, Any], overrides: Iterable[str] = (), flags: Iterable[Flag] = (), plugins: Iterable[str] = ()
) -> Config:
    """The same without a file: `overrides` and `flags` over the nested dictionaries `defaults`."""
    return _layered(RawConfig(copy.deepcopy(defaults)), "the command line", overrides, flags, plugins)


def _layered(
    raw: RawConfig, title: str, overrides: Iterable[str], flags: Iterable[Flag], plugins: Iterable[str]
) -> Config:
    raw = modernised(raw)
    for layer in (
        [read_override(override) for override in overrides],
        [single_value(tuple(key.split(".")), value, f"{flag} {value}") for flag, key, value in flags],
    ):
        given = RawConfig()
        for one in layer:
            given.merge(one)
        raw.lay_over(modernised(given))
    named = raw.values.setdefault("plugins", [])
    if isinstance(named, list):
        named.extend(name for name in plugins if name not in typed(named, list[str]))
    return check(raw, title)


def config_from_values(values: dict[str, Any]) -> Config:
    """A checked configuration from nested dictionaries, for programs that build their own."""
    return check(modernised(RawConfig(copy.deepcopy(values))), "the configuration")


def check(raw: RawConfig, title: str) -> Config:
    """Validate `raw` key by key and between keys; raises ConfigError with every problem at once."""
    values = typed(raw.values, Config)
    raw.problems.extend(starting_weights.fill_in(values, raw))
    raw.problems.extend(_load_plugins(values.get("plugins"), raw))
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        unread = {problem.key for problem in raw.problems}
        if starting_weights.KEY in unread:  # they would have said the rest
            unread |= {("model", key) for key in starting_weights.REQUIRED if key not in values["model"]}
        problems = [*raw.problems, *(found for found in _from_pydantic(error, raw) if found.key not in unread)]
        broken = {dotted(key) for key in unread.union(problem.key for problem in problems)}
        problems += _contradictions(_sound_part(values, error), raw, broken)
        raise_problems(problems, title)
        raise  # a validation error always leaves a problem to report
    raise_problems([*raw.problems, *_contradictions(config, raw)], title)
    return config


def _load_plugins(names: Any, raw: RawConfig) -> list[Problem]:
    """Import the modules that make further names known, before names are checked; what is wrong with their own names is
    found with the types of all keys."""
    load_installed()
    found = []
    for index, name in enumerate(names if isinstance(names, list) else []):
        if isinstance(name, str) and all(part.isidentifier() for part in name.split(".")):
            try:
                load_plugin(name)
            except ConfigError as error:
                key = ("plugins", index)
                found.append(Problem(str(error), key, raw.place_of(key), repr(name)))
    return found


def _contradictions(config: Config, raw: RawConfig, broken: Iterable[str] = ()) -> list[Problem]:
    """Broken rules between keys; rules on `broken` keys, which have no value to look at, are left out."""
    found = []
    for name, rule in cross_checks(config, set(broken)):
        key = parse_dotted(name)
        value = raw.value_at(key)
        section = isinstance(typed(value, Any), dict | list)
        found.append(Problem(rule, key, raw.place_of(key), None if value is None or section else _shown(value)))
    return found


def _sound_part(values: dict[str, Any], error: ValidationError) -> Config:
    """The configuration without its broken keys, which have their defaults; for looking at the others only."""
    sound = copy.deepcopy(values)
    for item in sorted(error.errors(include_url=False), key=lambda item: -len(item["loc"])):
        _remove(sound, _known_part(item["loc"], unknown=item["type"] == "extra_forbidden"))
    sections: dict[str, Any] = {}
    for name, field in Config.model_fields.items():
        section = section_of(field.annotation)
        given = sound.get(name, {} if field.is_required() else None)
        if section is not None and given is not None:
            with contextlib.suppress(ValidationError):
                sections[name] = section.model_validate(_stand_ins(section) | given)
    return Config.model_construct(**sections)


def _stand_ins(section: type[Section]) -> dict[str, Any]:
    """A value of the right type for every key that a section must have; rules on such a key are not looked at."""
    required = {
        name: members_of(field.annotation) for name, field in section.model_fields.items() if field.is_required()
    }
    return {name: 1 if int in members else "none" for name, members in required.items()}


def _remove(values: Any, key: KeyPath) -> None:
    for part in key[:-1]:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return
    if key and isinstance(values, dict):
        values.pop(key[-1], None)


def parse_dotted(text: str) -> KeyPath:
    """mixing.sources[0].path -> ("mixing", "sources", 0, "path")"""
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"[.\[\]]+", text) if part)


def _from_pydantic(error: ValidationError, raw: RawConfig) -> list[Problem]:
    """pydantic's findings in the words of this project, one per key (a union reports each of its members)."""
    rules: dict[KeyPath, list[str]] = {}
    kinds: dict[KeyPath, str] = {}
    for item in error.errors(include_url=False):
        key = _known_part(item["loc"], unknown=item["type"] == "extra_forbidden")
        rules.setdefault(key, []).append(rule_of(item))
        kinds[key] = item["type"]
    problems = []
    for key, texts in rules.items():
        if kinds[key] == "extra_forbidden":
            problems.append(Problem(_unknown_key(key), key, raw.place_of(key)))
        elif kinds[key] == "missing":
            problems.append(Problem("is required", key, raw.place_of(key)))
        else:
            rule = " or ".join(dict.fromkeys(texts))
            problems.append(Problem(rule, key, raw.place_of(key), _shown(raw.value_at(key))))
    return problems


def _shown(value: Any, limit: int = 60) -> str:
    """A value as an error shows it: numbers as they were written, text in quotes."""
    text = str(value) if isinstance(value, Scalar) else repr(typed(value, Any))
    return shortened(text, limit)


def _known_part(location: Sequence[str | int], *, unknown: bool) -> KeyPath:
    """The key that `location` names, without the tags pydantic adds for union members."""
    key: list[str | int] = []
    section: Any = Config
    for part in location:
        if isinstance(part, int):
            key.append(part)
        elif section is not None and part in section.model_fields:
            key.append(part)
            section = section_of(section.model_fields[part].annotation)
        elif unknown and part == location[-1]:
            key.append(part)
    return tuple(key)


def _unknown_key(key: KeyPath) -> str:
    *parents, last = key
    section: Any = Config
    for part in parents:
        if not isinstance(part, int):
            section = section_of(section.model_fields[part].annotation)
    meant = synonym(str(last))
    if meant:
        return f"unknown key; did you mean {meant}?"
    best = nearest(str(last), section.model_fields)
    if best:
        return f"unknown key; did you mean {dotted((*parents, best))}?"
    # The key may stand in the wrong section.
    elsewhere = [name for name in section_keys() if name.split(".")[-1] == last]
    if elsewhere:
        return f"unknown key here; it belongs to {elsewhere[0]}"
    meant = near_synonym(str(last))
    if meant:
        return f"unknown key; did you mean {meant}?"
    where = dotted(tuple(parents)) or "a configuration"
    return f"unknown key; {where} has: {', '.join(section.model_fields)}"


_WORDS = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "model_type": "must be a section with keys below it",
    "dict_type": "must be a section with keys below it",
}


def rule_of(item: Any) -> str:
    """What a finding of pydantic says, in the words of this project."""
    context = item.get("ctx", {})
    kind = item["type"]
    if kind in ("model_type", "model_attributes_type"):
        return _WORDS["model_type"]
    if kind in _WORDS:
        return _WORDS[kind]
    if kind == "value_error":
        return str(context["error"])
    if kind == "greater_than":
        return f"must be greater than {context['gt']}"
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}"
    if kind == "less_than":
        return f"must be less than {context['lt']}"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}"
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", context["expected"])
        best = nearest(str(item["input"]), choices)
        hint = f" (did you mean {best}?)" if best else ""
        return f"must be one of {', '.join(choices)}{hint}" if len(choices) > 1 else f"must be {choices[0]}"
    return str(item["msg"])
