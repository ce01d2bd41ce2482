"""Prompts with responses, and chats: JSON lines to segments of text, of which some are learned.

`{"prompt": text, "response": text}` (or `completion`), or `{"messages": [{"role": "user", "content": text}, ...]}`; other keys
are left alone. A template says how they become text:

plain   the prompt, a line break where it ends without white space, the response
chat    `User: ...` and a line break, `Assistant: ...`; every answer ends with the end mark, which the next turn follows
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from babyllama.config.sections.data import DataSection
from babyllama.corpus.reading.documents import read_documents
from babyllama.corpus.reading.files import plain_suffix
from babyllama.corpus.reading.records import json_lines
from babyllama.errors import DataError

Template = Literal["plain", "chat"]
Message = Mapping[str, str]
"""{"role": "system", "user" or "assistant", "content": text}"""
ROLES = ("system", "user", "assistant")
RESPONSES = ("response", "completion")

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}Assistant: "
    "{{ message['content'] }}{{ eos_token }}{% else %}{{ message['role'] | capitalize }}: {{ message['content'] }}\n"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""`chat` as tokenizers carry it."""


@dataclass(frozen=True)
class Segment:
    """A stretch of one example."""

    text: str
    learned: bool
    """Are its tokens targets?"""
    ends: bool = False
    """Does an end mark follow, a target if the text is?"""


Example = list[Segment]


def read_examples(paths: Sequence[str | Path], template: Template, errors: str = "strict") -> Iterator[Example]:
    """The examples of `.jsonl` files in order. DataError, with file and line, for one that has no response."""
    for path in map(Path, paths):
        if plain_suffix(path) != ".jsonl":
            raise DataError(
                f"{path}: prompts with responses are read from .jsonl files, one JSON object a line; rename the file, or "
                "set data.format: text for plain text."
            )
        for place, record in json_lines(path, errors):
            yield learned_segments(_messages(record, place), template)


def examples_or_documents(files: Sequence[Path], data: DataSection) -> Callable[[], Iterator[Any]]:
    """What is packed of `files`: their examples under `data.format: instructions`, else their documents."""
    if data.format == "instructions":
        return lambda: read_examples(files, data.template, data.errors)
    return lambda: documents_of(files, data)


def documents_of(files: Sequence[Path], data: DataSection) -> Iterator[str]:
    """The text of `files` as `data` says it is written; of an example everything, prompt and response."""
    if data.format == "instructions":
        return ("".join(part.text for part in one) for one in read_examples(files, data.template, data.errors))
    return read_documents(files, errors=data.errors, column=data.column)


def learned_segments(messages: Sequence[Message], template: Template) -> Example:
    """The segments up to the last answer; answers are learned, everything else is only read."""
    last = max(number for number, message in enumerate(messages) if message["role"] == "assistant")
    return [part for message in messages[: last + 1] for part in _segments(message, template)]


def prompt_segments(messages: Sequence[Message], template: Template) -> Example:
    """The segments of a conversation up to where the model answers."""
    parts = [part for message in messages for part in _segments(message, template)]
    return [*parts, Segment("Assistant:", learned=False)] if template == "chat" else parts


def _segments(message: Message, template: Template) -> Example:
    role, text = message["role"], message["content"]
    if template == "plain":
        if role == "assistant":
            return [Segment(text, learned=True, ends=True)]
        return [Segment(text if text[-1].isspace() else f"{text}\n", learned=False)]
    if role == "assistant":
        # Encoded apart, so that what is learned follows exactly the tokens that a prompt ends with.
        return [Segment("Assistant:", learned=False), Segment(f" {text}", learned=True, ends=True)]
    return [Segment(f"{role.capitalize()}: {text}\n", learned=False)]


def _messages(record: Any, place: str) -> list[Message]:
    if not isinstance(record, dict):
        raise DataError(f"{place}: {_FORM}")
    if "messages" in record:
        return _chat(record["messages"], place)
    response = next((key for key in RESPONSES if key in record), None)
    if "prompt" not in record or response is None:
        keys = ", ".join(map(repr, list(record)[:10])) or "none"
        missing = "prompt" if "prompt" not in record else "response"
        raise DataError(f"{place}: no {missing} (the record has: {keys}). {_FORM}")
    return [
        {"role": "user", "content": _text(record["prompt"], "prompt", place)},
        {"role": "assistant", "content": _text(record[response], response, place)},
    ]


def _chat(messages: Any, place: str) -> list[Message]:
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise DataError(f"{place}: `messages` must be a list of objects with role and content.")
    found: list[Message] = []
    for number, one in enumerate(messages):
        role = one.get("role")
        if role not in ROLES:
            raise DataError(f"{place}: messages[{number}] has the role {role!r}; it must be one of {', '.join(ROLES)}.")
        found.append({"role": role, "content": _text(one.get("content"), f"messages[{number}].content", place)})
    if not any(one["role"] == "assistant" for one in found):
        raise DataError(f"{place}: no message of the assistant: there is no response to learn.")
    return found


def _text(value: Any, key: str, place: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{place}: {key!r} must be text that is not empty.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{place}: {key!r} has half a character (a lone surrogate, at {error.start}).") from error
    return value


_FORM = 'Write {"prompt": "...", "response": "..."} or {"messages": [{"role": "user", "content": "..."}, ...]}.'
