"""JSON lines with named columns; what is wrong with them ends in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from babyllama.artifacts import read_text
from babyllama.errors import DamagedFileError, DataError
from babyllama.text import listed


def read_rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where it stands, for messages; row) of every line. DataError for a line that is no object with all of `columns`."""
    try:
        text = read_text(file)
    except (OSError, UnicodeDecodeError, DamagedFileError) as error:
        raise DataError(f"cannot read {file}: {error}.") from error
    # str.splitlines would part at characters that JSON may hold.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: broken JSON ({error}). Fetch the file again.") from error
        missing = [column for column in columns if not isinstance(row, dict) or row.get(column) is None]
        if missing:
            raise DataError(
                f"{where}: no {listed([repr(name) for name in missing], 4)}. The file is not in this task's format; is it of "
                "another task, or of another year's data?"
            )
        yield where, row


def text_in(row: dict[str, Any], column: str, where: str) -> str:
    """The text in `column`. DataError for anything else, and for text without a character in it."""
    value = row[column]
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{where}: {column!r} holds no text ({value!r}).")
    return value
