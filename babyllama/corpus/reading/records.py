"""Records of JSON lines and Parquet, each the text of a document, in bounded memory."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babyllama.artifacts.files import open_regular
from babyllama.corpus.reading.decoding import damaged, line_blocks, open_bytes, unreadable
from babyllama.corpus.reading.files import compression, plain_suffix
from babyllama.errors import DamagedFileError, DataError

LONGEST_RECORD = 256 << 20
"""Bytes of one JSON line; a record has to be parsed in one go, so this bounds memory."""


def records(path: Path, column: str = "text", errors: str = "strict") -> Iterator[str]:
    """The texts of a `.jsonl` or `.parquet` file, one per line or row; a null text is an empty one."""
    found = _parquet_texts(path, column) if plain_suffix(path) == ".parquet" else _json_texts(path, column, errors)
    return (text.removeprefix("\ufeff") for text in found)


def _json_texts(path: Path, column: str, errors: str) -> Iterator[str]:
    for place, record in json_lines(path, errors):
        yield _without_surrogates(place, text_under(record, column, place), errors)


def json_lines(path: Path, errors: str = "strict") -> Iterator[tuple[str, Any]]:
    """(where it stands, for messages; what it says) of each line of a `.jsonl` file that is not blank. DataError."""
    line: list[str] = []
    number = length = 0
    for block in line_blocks(path, errors):
        whole = block.endswith("\n")
        for piece in block.split("\n")[: -1 if whole else None]:
            line.append(piece)
            length += len(piece)
            if length > LONGEST_RECORD:
                raise DataError(
                    f"{path}, line {number + 1}: longer than {LONGEST_RECORD >> 20} MB. JSON lines holds one "
                    "document per line; is this a file of another kind?"
                )
            if whole:
                number += 1
                yield from _json_line(f"{path}, line {number}", "".join(line))
                line, length = [], 0
    yield from _json_line(f"{path}, line {number + 1}", "".join(line))


def _json_line(place: str, line: str) -> Iterator[tuple[str, Any]]:
    line = line.removeprefix("\ufeff")
    if not line.strip():
        return
    try:
        yield place, json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise DataError(f"{place}: not a JSON record ({reason})") from error


def text_under(record: Any, column: str, place: str) -> str:
    """The text that `record` holds under the key `column`; `meta.text` is the key `text` of the object under `meta`.

    A null text is an empty one. Raises `DataError`, which says at which `place`, when there is none.
    """
    value: Any = record
    for number, key in enumerate([column] if isinstance(record, dict) and column in record else column.split(".")):
        if not isinstance(value, dict):
            kind = "the record is" if number == 0 else f"under {'.'.join(column.split('.')[:number])!r} is"
            raise DataError(f"{place}: no text under {column!r} ({kind} {_kind(value)}, not an object). {_NAME_IT}")
        if key not in value:
            keys = ", ".join(map(repr, list(value)[:10])) or "no key"
            raise DataError(f"{place}: no text under {column!r} (the record has: {keys}). {_NAME_IT}")
        value = value[key]
    if value is not None and not isinstance(value, str):
        raise DataError(f"{place}: {column!r} holds {_kind(value)}, not text. {_NAME_IT}")
    return value or ""


_NAME_IT = "Name the key that holds the text with `column`."


def _kind(value: Any) -> str:
    """What JSON calls it."""
    if isinstance(value, bool):
        return "true or false"
    return {dict: "an object", list: "a list", str: "text", type(None): "null"}.get(type(value), "a number")


def _without_surrogates(place: str, text: str, errors: str) -> str:
    """JSON can spell half a character (`\\ud83d` alone), which no UTF-8 text can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        if errors == "strict":
            raise DataError(
                f"{place}: the text has half a surrogate pair at character {error.start}, which is not a "
                "character. Mend the record, or set `errors: replace`."
            ) from error
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _parquet_texts(path: Path, column: str) -> Iterator[str]:
    import pyarrow
    from pyarrow import parquet

    with contextlib.ExitStack() as stack:
        try:
            source: Any = stack.enter_context(open_regular(path))
            if compression(path):
                # Parquet is read from its end, which a compressed stream cannot do.
                source = stack.enter_context(tempfile.TemporaryFile())
                with open_bytes(path) as handle:
                    shutil.copyfileobj(handle, source)
                source.seek(0)
            file = stack.enter_context(parquet.ParquetFile(source))
            top = column if column in file.schema_arrow.names else column.split(".")[0]
            if top not in file.schema_arrow.names:
                raise DataError(
                    f"{path} has no column {column!r} (it has: {', '.join(file.schema_arrow.names)}). Name the column that "
                    "holds the text with `column`."
                )
            row = 0
            for batch in file.iter_batches(batch_size=1024, columns=[top]):
                for value in batch.column(0).to_pylist():
                    row += 1
                    yield text_under({top: value}, column, f"{path}, row {row}")
        except (pyarrow.ArrowException, UnicodeDecodeError) as error:
            raise DataError(damaged(path, error)) from error
        except DamagedFileError as error:
            raise DataError(str(error)) from error
        except OSError as error:
            raise DataError(unreadable(path, error)) from error
