"""YAML that cannot be read, in the words of this project: what is wrong in which line, and how to mend it."""

from __future__ import annotations

import re

import yaml
from yaml.reader import ReaderError


def described(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """(line, what is wrong) of a syntax error."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return line, f"the control character U+{ord(text[error.position]):04X} cannot stand in YAML; remove it"
    mark = getattr(error, "problem_mark", None)
    found = getattr(error, "problem", None) or str(error).splitlines()[0]
    line = mark.line + 1 if mark else 1
    begun = getattr(error, "context_mark", None)
    since = f" (begun on line {begun.line + 1})" if begun and begun.line + 1 != line else ""
    for pattern, sentence in _SENTENCES:
        match = re.search(pattern, found)
        if match:
            return line, match.expand(sentence).replace("SINCE", since)
    return line, found


_SENTENCES = (
    (
        "mapping values are not allowed",
        "a `: ` where none can stand; put the value in quotes, or give the key before it its colon",
    ),
    ("could not find expected ':'", "a line that is no `key: value`; after the key comes a colon and a space"),
    (r"found character '\\t'", "a tab; indent with spaces"),
    (r"found character '(.)'", r"a value cannot begin with \1; put it in quotes"),
    ("unexpected end of stream", "a quotation mark that is not closedSINCE"),
    (r"expected ',' or '(.)'", r"a bracket that is not closed with \1SINCE"),
    ("sequence entries are not allowed", "a `- ` after a key in one line; items of a list stand on lines of their own"),
    (
        "expected <block end>",
        "a line that is indented unlike the others of its section; keys of one section begin in one column",
    ),
    (r"found undefined alias '?([^']*)'?", r"*\1 repeats what &\1 marks, and nothing does; write the value out"),
    ("unknown escape character", r"a \\ that is no escape in double quotes; use single quotes"),
    ("expected the node content", "a value that is missing or cut off"),
    ("expected <document start>", "text that belongs to no `key: value`"),
    ("another document", "found another document (`---`); a configuration is one"),
)
"""What PyYAML says -> what is wrong and how to mend it."""
