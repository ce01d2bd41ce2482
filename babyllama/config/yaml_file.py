"""YAML files with the line of every key: duplicate keys are mistakes, `3e-4` is a number, `extends:` shares a file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from babyllama.config.problems import KeyPath, Place, Problem
from babyllama.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads `3e-4` as a number, as YAML 1.2 does."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9_]+)[eE][-+]?[0-9]+$"),
    list("-+0123456789."),
)


@dataclass
class Source:
    """Values with the place each one comes from."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def merge(self, other: Source) -> None:
        """Lay `other` over this one: sections are merged key by key, everything else is replaced."""
        _merge(self.values, other.values)
        self.places.update(other.places)
        self.problems.extend(other.problems)

    def place_of(self, key: KeyPath) -> Place | None:
        """The place of `key`, or of the nearest section around it."""
        while key:
            if key in self.places:
                return self.places[key]
            key = key[:-1]
        return None


def _merge(old: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            _merge(old[key], value)
        else:
            old[key] = value


def read_yaml(path: str | Path, _seen: tuple[Path, ...] = ()) -> Source:
    """The values of a YAML file, laid over those of the file it `extends` (relative to its own folder)."""
    path = Path(path)
    if path.resolve() in _seen:
        raise ConfigError(f"{path}: extends itself by way of {' -> '.join(map(str, _seen))}.")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(_missing(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {error}") from error

    source = _parse(text, path)
    parent = source.values.pop("extends", None)
    if parent is None:
        return source
    if not isinstance(parent, str):
        raise ConfigError(f"{source.places['extends',].text}: extends must be the name of a YAML file.")
    whole = read_yaml(path.parent / parent, (*_seen, path.resolve()))
    whole.merge(source)
    return whole


def _missing(path: Path) -> str:
    near = sorted(str(file) for file in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
    if not near:
        return f"configuration not found: {path}"
    import difflib

    best = difflib.get_close_matches(str(path), near, n=1)
    hint = f"did you mean {best[0]}?" if best else f"there are: {', '.join(near[:8])}"
    return f"configuration not found: {path} ({hint})"


def _parse(text: str, path: Path) -> Source:
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        source = Source()
        if root is None:
            raise ConfigError(f"{path}: the configuration is empty; see config/minimal.yaml for the fewest keys.")
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError(f"{path}:1: a configuration is `section:` lines with `key: value` lines below them.")
        source.values = _convert(loader, root, (), str(path), source)
        return source
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"{where}: not valid YAML: {what}") from error
    finally:
        loader.dispose()


def _convert(loader: _Loader, node: yaml.Node, key: KeyPath, file: str, source: Source) -> Any:
    """The value of `node`; the place of every key below it goes into `source`."""
    if isinstance(node, yaml.MappingNode):
        _find_duplicates(node, key, file, source)
        loader.flatten_mapping(node)
        values = {}
        for key_node, value_node in node.value:
            name = str(loader.construct_object(key_node, deep=True))
            source.places[(*key, name)] = Place(f"{file}:{key_node.start_mark.line + 1}")
            values[name] = _convert(loader, value_node, (*key, name), file, source)
        return values
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, item in enumerate(node.value):
            source.places[(*key, index)] = Place(f"{file}:{item.start_mark.line + 1}")
            items.append(_convert(loader, item, (*key, index), file, source))
        return items
    return loader.construct_object(node, deep=True)


def _find_duplicates(node: yaml.MappingNode, key: KeyPath, file: str, source: Source) -> None:
    first: dict[str, int] = {}
    for key_node, _ in node.value:
        line = key_node.start_mark.line + 1
        name = str(key_node.value)
        if name in first and name != "<<":
            source.problems.append(
                Problem(
                    f"this key stands twice (first on line {first[name]}); keep one",
                    (*key, name),
                    Place(f"{file}:{line}"),
                )
            )
        first.setdefault(name, line)


def read_override(text: str) -> Source:
    """`section.key=value` -> its value (read as YAML), with the override itself as place."""
    name, equals, value = text.partition("=")
    key = tuple(name.strip().split("."))
    if not equals or len(key) < 2 or not all(key):
        raise ConfigError(f"override {text!r}: write section.key=value, for example training.lr=3e-4.")
    return single_value(key, parse_value(value, text), Place(f"override {text}"))


def single_value(key: tuple[str, ...], value: Any, place: Place) -> Source:
    """One value as a Source."""
    values: dict[str, Any] = {key[-1]: value}
    for section in reversed(key[:-1]):
        values = {section: values}
    return Source(values, {key: place})


def parse_value(text: str, where: str) -> Any:
    """A scalar, list or mapping written as YAML, with the numbers of this module."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"override {where!r}: {text!r} is not a YAML value.") from error
