"""A YAML file that holds one section of its own, checked as a configuration is."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from babyllama.config.problems import Problem, raise_problems
from babyllama.config.scalars import Scalar, typed
from babyllama.config.types import Section, section_of
from babyllama.config.yaml_file import read_yaml
from babyllama.registry import suggestion
from babyllama.settings.loading import rule_of

AnySection = TypeVar("AnySection", bound=Section)


def read_section(path: str | Path, section: type[AnySection]) -> AnySection:
    """The `section` in the YAML file `path`. ConfigError with file, line, key and rule of every mistake."""
    raw = read_yaml(path)
    try:
        found = section.model_validate(typed(raw.values, section))
    except ValidationError as error:
        problems = list(raw.problems)
        for item in error.errors(include_url=False):
            key, value = item["loc"], raw.value_at(item["loc"])
            rule = rule_of(item)
            if item["type"] == "extra_forbidden":
                parent: type[Section] | None = section
                for part in key[:-1]:
                    if isinstance(part, str) and parent is not None:
                        parent = section_of(parent.model_fields[part].annotation)
                rule = f"unknown key; {suggestion(str(key[-1]), parent.model_fields if parent else ())}"
            elif item["type"] == "missing":
                rule = "is required"
            shown = str(value) if isinstance(value, Scalar) and item["type"] != "extra_forbidden" else None
            problems.append(Problem(rule, key, raw.place_of(key), shown))
        raise_problems(problems, str(path))
        raise
    raise_problems(raw.problems, str(path))
    return found
