"""YAML files with the place of every value: duplicate keys are mistakes, `extends:` shares a file.

Whatever a file holds, reading it ends in a moment: size, depth and number of values are bounded, and only regular files are
opened.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import yaml

from babyllama.config.problems import KeyPath, Place, Problem
from babyllama.config.raw import RawConfig
from babyllama.config.scalars import MERGE, NULL, RESOLVERS, TEXT, Scalar, scalar_value
from babyllama.config.shipped import locate, shipped_file, shipped_names
from babyllama.config.types import expand_path
from babyllama.config.yaml_errors import described
from babyllama.errors import ConfigError
from babyllama.registry import nearest
from babyllama.text import shortened

LARGEST = 200_000
"""Bytes of a configuration."""
DEEPEST = 30
"""Levels of nesting."""
MOST_VALUES = 20_000
"""Values, those of repeated anchors counted each time."""
LONGEST_CHAIN = 20
"""Files that extend one another."""
_LONGEST_PLACE = 200
"""Characters of an override or a flag that an error repeats, once for each of its mistakes."""


class _Loader(yaml.SafeLoader):
    """Composes nodes with the tags of YAML 1.2; constructs nothing."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.depth > DEEPEST:
            raise yaml.MarkedYAMLError(None, None, f"more than {DEEPEST} levels", self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        self.depth += 1
        try:
            return super().compose_node(parent, index)  # type: ignore[arg-type]
        finally:
            self.depth -= 1


_Loader.yaml_implicit_resolvers = {None: list(RESOLVERS.items())}


def read_yaml(path: str | Path) -> RawConfig:
    """The values of a YAML file, laid over those of the file it `extends` (relative to its own folder).

    Both may be the name of a shipped configuration.
    """
    chain: dict[Path, Path] = {}
    files: list[RawConfig] = []
    following: Path | None = locate(Path(path))
    while following is not None:
        place = following
        text = read_text(place, extended_by=list(chain.values())[-1] if chain else None)
        if place.resolve() in chain:
            raise ConfigError(f"{place}: extends itself by way of {' -> '.join(map(str, chain.values()))}.")
        if len(chain) == LONGEST_CHAIN:
            raise ConfigError(f"{path}: more than {LONGEST_CHAIN} files that extend one another; put some together.")
        chain[place.resolve()] = place
        files.append(parse(text, place))
        following = _extended(files[-1], place)
    whole = files.pop()
    while files:
        whole.lay_over(files.pop())
    return whole


def _extended(raw: RawConfig, path: Path) -> Path | None:
    """The file that `raw` extends, whose key is taken out of it."""
    parent = raw.values.pop("extends", None)
    if parent is None or (isinstance(parent, Scalar) and parent.value is None):
        return None
    where = raw.places["extends",].text
    if not isinstance(parent, Scalar):
        raise ConfigError(f"{where}: extends must be the name of a YAML file.")
    try:
        name = Path(expand_path(parent.text))
        beside = path.parent / name
        return beside if beside.exists() else shipped_file(name) or beside
    except ValueError as error:
        raise ConfigError(f"{where}: extends = {parent}: {error}.") from error


def read_text(path: Path, extended_by: Path | None = None) -> str:
    """The text of a configuration file. ConfigError for what is no regular file, too large or not UTF-8."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ConfigError(f"configuration {path} is a folder; name a YAML file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"configuration {path} is no regular file (a device or a pipe); save it as a file first.")
        if status.st_size > LARGEST:
            raise ConfigError(f"{path}: {status.st_size:,} bytes are too many for a configuration (most: {LARGEST:,}).")
        data = path.read_bytes()
    except FileNotFoundError:
        where = f"{extended_by}: extends: " if extended_by else ""
        raise ConfigError(f"{where}{_missing(path)}") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(f"cannot read the configuration {str(path)!r}: {error}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        what = "it is UTF-16" if wide else f"byte 0x{data[error.start]:02x} in line {line} is not UTF-8"
        raise ConfigError(f"{path}:{line}: not UTF-8 text: {what}. Save the file as UTF-8.") from error


def _missing(path: Path) -> str:
    """What is not found, and the nearest of what there is: files of that folder, and shipped names."""
    near = sorted(str(file) for file in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
    shipped = shipped_names()
    best = nearest(str(path), near) or nearest(path.with_suffix("").as_posix(), shipped) or nearest(path.stem, shipped)
    listed = near[:8] or shipped
    hint = f"did you mean {best}?" if best else f"there are: {', '.join(listed)}"
    return f"configuration not found: {path} ({hint})" if best or listed else f"configuration not found: {path}"


def parse(text: str, path: Path) -> RawConfig:
    """The values that the YAML in `text` writes, with the line of each."""
    try:
        root = compose(text)
    except yaml.YAMLError as error:
        line, what = described(error, text)
        raise ConfigError(f"{path}:{line}: not valid YAML: {what}") from error
    if root is None:
        raise ConfigError(
            f"{path}: the configuration is empty; see minimal.yaml (`babyllama config show minimal`) for the fewest keys."
        )
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}:1: a configuration is `section:` lines with `key: value` lines below them.")
    return Reader(str(path)).read(root)


def compose(text: str) -> yaml.Node | None:
    """The tree of nodes of a YAML document."""
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    finally:
        if loader is not None:
            loader.dispose()  # type: ignore[no-untyped-call]


class Reader:
    """Nodes -> values with their places. Of what cannot be read the rest is read all the same."""

    def __init__(self, file: str) -> None:
        """`file` stands before the line in places; an override is one place, given to `value` as such."""
        self.file = file
        self.raw = RawConfig()
        self._left = MOST_VALUES
        self._open: list[yaml.Node] = []

    def read(self, root: yaml.MappingNode) -> RawConfig:
        """The whole document."""
        self.raw.values = self.value(root, ())
        return self.raw

    def place(self, node: yaml.Node) -> Place:
        """The line of `node`."""
        return Place(f"{self.file}:{node.start_mark.line + 1}")

    def value(self, node: yaml.Node, key: KeyPath) -> Any:
        """Scalar, list or dict of `node`; the place of every key below it goes into the raw."""
        self._left -= 1
        if self._left < 0:
            raise ConfigError(
                f"{self.place(node).text}: more than {MOST_VALUES:,} values, those of repeated anchors (*name) counted; "
                "write fewer."
            )
        if any(node is outer for outer in self._open):
            self._problem("an anchor that holds itself; write the values out", key, node)
            return None
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, key)
            if isinstance(node, yaml.SequenceNode):
                return self._sequence(node, key)
            return self._scalar(node, key)
        finally:
            self._open.pop()

    def _problem(self, rule: str, key: KeyPath, node: yaml.Node) -> None:
        self.raw.problems.append(Problem(rule, key, self.place(node)))

    def _scalar(self, node: yaml.Node, key: KeyPath) -> Scalar:
        try:
            return Scalar(node.value, scalar_value(node.tag, node.value))
        except ValueError as error:
            self._problem(str(error), key, node)
            return Scalar(node.value, node.value)

    def _sequence(self, node: yaml.SequenceNode, key: KeyPath) -> list[Any]:
        items = []
        for index, item in enumerate(node.value):
            self.raw.places[(*key, index)] = self.place(item)
            items.append(self.value(item, (*key, index)))
        return items

    def _mapping(self, node: yaml.MappingNode, key: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == MERGE:
                values = self._merged(value_node, key) | values
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem("a key must be a name, not a list or a section", key, key_node)
                continue
            if key_node.tag == MERGE:
                continue
            name, line = key_node.value, key_node.start_mark.line + 1
            if name in lines:
                self._problem(f"this key stands twice (first on line {lines[name]}); keep one", (*key, name), key_node)
            lines.setdefault(name, line)
            self.raw.places[(*key, name)] = self.place(key_node)
            values[name] = self.value(value_node, (*key, name))
        return values

    def _merged(self, node: yaml.Node, key: KeyPath) -> dict[str, Any]:
        """The keys of `<<: *anchor` or `<<: [*one, *two]`, of which earlier ones win."""
        found: dict[str, Any] = {}
        for one in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            section = self.value(one, key) if isinstance(one, yaml.MappingNode) else None
            if section is None:
                self._problem("<< needs a section, for example <<: *name", key, one)
            for name, value in (section or {}).items():
                found.setdefault(name, value)
        return found


def read_override(text: str) -> RawConfig:
    """`section.key=value` -> its value, with the override itself as place."""
    name, equals, value = text.partition("=")
    key = tuple(name.strip().split("."))
    if not equals or len(key) < 2 or not all(key):
        raise ConfigError(
            f"override {shortened(text, _LONGEST_PLACE)!r}: write section.key=value, for example training.lr=3e-4."
        )
    return single_value(key, value, f"override {text}")


def single_value(key: tuple[str, ...], value: Any, where: str) -> RawConfig:
    """One value from the command line as a raw configuration; text is read as YAML where its key asks for more than text."""
    place = Place(shortened(where, _LONGEST_PLACE))
    raw = RawConfig(places={key: place})
    values: Any = _written(value, key, raw) if isinstance(value, str) else value
    for section in reversed(key):
        values = {section: values}
    raw.values = values
    return raw


def _written(text: str, key: KeyPath, raw: RawConfig) -> Scalar:
    """`text` both as it stands (a text key takes it so) and as YAML reads it."""
    try:
        node = compose(text)
    except yaml.YAMLError:
        return Scalar(text, text)
    if node is None:
        return Scalar("", None)
    if isinstance(node, yaml.ScalarNode) and (node.style or node.tag == TEXT):
        return Scalar(node.value if node.style else text, node.value)
    reader = Reader(raw.places[key].text)
    value = reader.value(node, key)
    value = value.value if isinstance(value, Scalar) else value
    if reader.raw.problems or (value is None and not RESOLVERS[NULL].match(text)):
        return Scalar(text, text)
    raw.places |= dict.fromkeys(reader.raw.places, raw.places[key])
    return Scalar(text, value)
