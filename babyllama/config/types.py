"""The types of configuration values: what a single value may be, whoever wrote it."""

from __future__ import annotations

import json
import os
import re
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from babyllama.config.amounts import parse_amount, parse_bytes
from babyllama.text import has_control_characters

ABSENT = ("", "None", "none", "null")
"""Text that stands for no value where a value may be absent; old YAML files spell it None."""
MOST = 10**15
"""The largest whole number that any key takes: well within 64 bits, and exact as a float too."""
_LONGEST_NAME = 200
"""Bytes; file systems take 255, and what is written first has a longer name."""


class Section(BaseModel):
    """A frozen group of keys; an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        coerce_numbers_to_str=True,
        allow_inf_nan=False,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _booleans_are_no_numbers(cls, value: Any, info: Any) -> Any:
        """Python takes True for 1; a configuration does not."""
        if isinstance(value, bool):
            members = members_of(cls.model_fields[info.field_name].annotation)
            if bool not in members and (int in members or float in members):
                raise ValueError("must be a number, not true or false")
        return value


def members_of(annotation: Any) -> list[Any]:
    """The types that `annotation` allows, without unions and metadata: `Text | None` -> [str, NoneType]."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return members_of(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [member for part in typing.get_args(annotation) for member in members_of(part)]
    return [annotation]


def section_of(annotation: Any) -> type[Section] | None:
    """The section class inside `annotation` (Section, Section | None, list[Section]), if there is one."""
    for member in members_of(annotation):
        if typing.get_origin(member) is list:
            member = item_of(member)
        if isinstance(member, type) and issubclass(member, Section):
            return member
    return None


def item_of(annotation: Any) -> Any:
    """The type of a list's items; Any where `annotation` has no list."""
    lists = [member for member in members_of(annotation) if typing.get_origin(member) is list]
    return typing.get_args(lists[0])[0] if lists else Any


def _none_from_text(value: Any) -> Any:
    return None if isinstance(value, str) and value in ABSENT else value


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return _plain(text)


def _plain(text: str) -> str:
    if has_control_characters(text):
        raise ValueError("holds a control character; remove it")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not UTF-8 text") from None
    return text


def _amount(text: str) -> str:
    parse_amount(text)
    return text


def _regular_expression(text: str) -> str:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    if pattern.search(""):
        raise ValueError("is found in every text, also in an empty one")
    return text


def _size(text: str) -> str:
    parse_bytes(text)
    return text


def _folder_name(text: str) -> str:
    parts = _plain(text).split("/")
    if any(not part.strip() or part in (".", "..") or part.startswith("~") for part in parts):
        raise ValueError("must be a folder name")
    if max(len(part.encode()) for part in parts) > _LONGEST_NAME:
        raise ValueError(f"is longer than {_LONGEST_NAME} bytes, too long for a folder name")
    return text


def _lines(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    for line in text.splitlines():
        _plain(line.replace("\t", " "))
    return text


def check_repo_name(text: str) -> str:
    """`text` if the Hub takes it as the name of a repository; ValueError, with the rule as message, if not."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", text, re.ASCII) or len(text) > 96:
        raise ValueError("must be owner/name, of letters, digits, - _ and ., at most 96 characters")
    if "--" in text or ".." in text or any(part[0] in "-." or part[-1] in "-." for part in text.split("/")):
        raise ValueError("is no name the Hub takes: no -- or .., and no - or . at either end of a part")
    return text


def _spelled(pattern: str, rule: str) -> Callable[[str], str]:
    """A check that a text is spelled as `pattern`; `rule` says in words how that is."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(rule)
        return text

    return check


_language = _spelled(
    "[a-z]{2,3}|multilingual", "must be an ISO 639 code of two or three letters, as en, or multilingual"
)
_licence = _spelled(
    "[a-z0-9][a-z0-9.-]*",
    "must be spelled as the Hub does, in lower case without spaces: mit, apache-2.0, cc-by-4.0, other",
)
_device_name = _spelled(r"auto|cpu|mps|cuda(:\d{1,3})?", "must be auto, cpu, cuda, cuda:N or mps")


def _module_name(text: str) -> str:
    if not all(part.isidentifier() for part in text.split(".")):
        raise ValueError("must be the name of a Python module, without .py")
    return text


def _raw_keys(values: dict[str, Any]) -> dict[str, Any]:
    """Plain data only: what a JSON file holds, without infinity."""
    try:
        json.dumps(values, allow_nan=False).encode()
    except (TypeError, ValueError):
        raise ValueError("must hold text, finite numbers, true, false, null, and lists and sections of them") from None
    return values


_VARIABLE = re.compile(r"\$(?:(\w+)|\{([^}]*)\})", re.ASCII)


def expand_path(text: str) -> str:
    """`text` with a leading `~` or `~user` and every `$VAR` or `${VAR}` replaced.

    ValueError, with the rule as message, for what is no path: empty text, control characters, a variable that is not set, a
    user who is not known. Nothing is looked up on disk.
    """
    if not text.strip():
        raise ValueError("must be a path; it is empty")

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if not os.environ.get(name):
            raise ValueError(f"the environment variable {name} is not set")
        return os.environ[name]

    expanded = os.path.expanduser(_VARIABLE.sub(value, _plain(text)))
    if expanded.startswith("~"):
        user = expanded.split("/")[0]
        raise ValueError(f"{user} is no home folder that is known here; a folder of that name is written ./{user}")
    return _plain(expanded)


Optional_ = BeforeValidator(_none_from_text)
"""Beside `... | None`: the spellings of an absent value in old YAML files."""
Text = Annotated[str, AfterValidator(_text)]
"""A name or other text on one line."""
Lines = Annotated[str, AfterValidator(_lines)]
"""Text of one line or several."""
RepoName = Annotated[str, AfterValidator(check_repo_name)]
"""A repository on the Hub."""
Language = Annotated[str, AfterValidator(_language)]
LicenceName = Annotated[str, AfterValidator(_licence)]
FilePath = Annotated[str, AfterValidator(expand_path)]
"""A file, folder or glob; `~` and `$VAR` are replaced when the configuration is read."""
AmountText = Annotated[str, AfterValidator(_amount)]
"""An amount of text: `2MB`, `10M words`."""
SizeText = Annotated[str, AfterValidator(_size)]
"""A size in bytes: `4kB`."""
RegularExpression = Annotated[str, AfterValidator(_regular_expression)]
"""A pattern of Python's `re`."""
FolderName = Annotated[str, AfterValidator(_folder_name)]
"""A name, or several with `/`, below a folder."""
ModuleName = Annotated[str, AfterValidator(_module_name)]
"""A Python module as `import` spells it."""
DeviceName = Annotated[str, AfterValidator(_device_name)]
RawKeys = Annotated[dict[str, Any], AfterValidator(_raw_keys)]
"""Keys and values that somebody else gives a meaning."""
Count = Annotated[int, Field(gt=0, le=MOST)]
CountOrZero = Annotated[int, Field(ge=0, le=MOST)]
Width = Annotated[int, Field(gt=0, le=1 << 20)]
"""One dimension of a tensor."""
Threads = Annotated[int, Field(gt=0, le=4096)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""What numpy, torch and Python all take as a seed."""
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Probability = Annotated[float, Field(ge=0, lt=1)]
