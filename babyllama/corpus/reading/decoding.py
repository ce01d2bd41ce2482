"""Files to text, in bounded memory: decompression, strict UTF-8 with the place of a fault, records of JSON
lines and Parquet.

Whatever is wrong with a file ends in one `DataError` that names the file and the place in it.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import json
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from babyllama.corpus.reading.files import COMPRESSED_SUFFIXES, plain_suffix
from babyllama.errors import DataError

BLOCK = 1 << 17
"""Bytes read at a time, and the length in characters above which a single line is handed on in pieces."""
LONGEST_RECORD = 256 << 20
"""Bytes of one JSON line; a record has to be parsed in one go, so this bounds memory."""

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@contextlib.contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The decompressed bytes of `path`. Faults while opening or reading become a `DataError` that names the
    file.
    """
    try:
        with _opened(path) as handle:
            yield handle
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DataError(_damaged(path, error)) from error
    except OSError as error:
        if error.errno is None:  # how bz2 and zstd report damage
            raise DataError(_damaged(path, error)) from error
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _opened(path: Path) -> Any:
    match path.suffix:
        case ".gz":
            return gzip.open(path, "rb")
        case ".bz2":
            return bz2.open(path, "rb")
        case ".xz":
            return lzma.open(path, "rb")
        case ".zst":
            import pyarrow  # reads a frame cut short as an error, where zstandard's own reader just ends

            path.stat()
            return contextlib.closing(pyarrow.input_stream(str(path), compression="zstd"))
        case _:
            return path.open("rb")


def _damaged(path: Path, error: Exception) -> str:
    return f"{path} is damaged or cut short ({error or type(error).__name__}). Copy or download it again."


def byte_blocks(path: Path) -> Iterator[bytes]:
    """The decompressed content in blocks of `BLOCK` bytes (the last one shorter)."""
    with open_bytes(path) as handle:
        while block := handle.read(BLOCK):
            while len(block) < BLOCK and (more := handle.read(BLOCK - len(block))):
                block += more
            yield block


def text_blocks(path: Path, errors: str = "strict") -> Iterator[str]:
    """The file decoded as UTF-8, about `BLOCK` characters at a time; a byte-order mark is dropped.

    `errors="strict"` raises a `DataError` with byte position and line at the first fault: broken UTF-8,
    another encoding, or a zero byte (binary content). `errors="replace"` puts U+FFFD there and goes on.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors)
    start = 0
    for block in byte_blocks(path):
        if errors == "strict":
            _refuse_binary(path, block, start)
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block)
        except UnicodeDecodeError as error:
            position = start - pending + error.start
            raise DataError(_not_utf8(path, position, error.object[error.start])) from error
        if start == 0:
            text = text.removeprefix("\ufeff")
        start += len(block)
        yield text if errors == "strict" else text.replace("\0", "\ufffd")
    pending = len(decoder.getstate()[0])
    if pending and errors == "strict":
        raise DataError(
            f"{path} ends at byte {start} in the middle of a character: it is cut short. Copy it again, "
            "or set `errors: replace`."
        )
    if pending:
        yield "\ufffd"


def _refuse_binary(path: Path, block: bytes, start: int) -> None:
    if start == 0 and block[:2] in _UTF16_MARKS:
        raise DataError(f"{path} is UTF-16, not UTF-8. Convert it: iconv -f UTF-16 -t UTF-8")
    zero = block.find(b"\0")
    if zero >= 0:
        place = _place(path, start + zero)
        raise DataError(
            f"{path} has a zero byte at {place}: it is binary or in another "
            "encoding, not UTF-8 text. Leave it out, convert it, or set `errors: replace`."
        )


def _not_utf8(path: Path, position: int, byte: int) -> str:
    return (
        f"{path} is not UTF-8: byte 0x{byte:02x} at {_place(path, position)}. Convert it "
        "(for Latin-1: iconv -f LATIN1 -t UTF-8), or set `errors: replace` to put U+FFFD there."
    )


def _place(path: Path, position: int) -> str:
    """`position` with the number of its line, for which the file is read once more."""
    newlines, left = 0, position
    for block in byte_blocks(path):
        newlines += block.count(b"\n", 0, left)
        left -= len(block)
        if left <= 0:
            break
    return f"position {position} (line {newlines + 1})"


def line_blocks(path: Path, errors: str = "strict") -> Iterator[str]:
    """Text in blocks of whole lines; the blocks joined are the file's text.

    A line longer than `BLOCK` characters comes in several blocks, cut after a space where it has one.
    """
    rest = ""
    for text in text_blocks(path, errors):
        rest += text
        cut = rest.rfind("\n") + 1
        if not cut and len(rest) > BLOCK:
            cut = rest.rfind(" ") + 1 or len(rest)
        if cut:
            yield rest[:cut]
            rest = rest[cut:]
    if rest:
        yield rest


def records(path: Path, column: str = "text", errors: str = "strict") -> Iterator[str]:
    """The texts of a `.jsonl` or `.parquet` file, one per line or row; a null text is an empty one."""
    if plain_suffix(path) == ".parquet":
        return _parquet_texts(path, column)
    return _json_texts(path, column, errors)


def _json_texts(path: Path, column: str, errors: str) -> Iterator[str]:
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
                yield from _json_text(path, number, "".join(line), column, errors)
                line, length = [], 0
    yield from _json_text(path, number + 1, "".join(line), column, errors)


def _json_text(path: Path, number: int, line: str, column: str, errors: str) -> Iterator[str]:
    if not line.strip():
        return
    try:
        record: Any = json.loads(line)
    except ValueError as error:
        raise DataError(f"{path}, line {number}: not a JSON record ({error})") from error
    text = record.get(column, _ABSENT) if isinstance(record, dict) else _ABSENT
    if text is None:
        text = ""
    if not isinstance(text, str):
        keys = ", ".join(map(str, record)) if isinstance(record, dict) else type(record).__name__
        raise DataError(
            f"{path}, line {number}: no text under {column!r} (the record has: {keys}). Name the key that "
            "holds the text with `column`."
        )
    yield _without_surrogates(path, number, text, errors)


def _without_surrogates(path: Path, number: int, text: str, errors: str) -> str:
    """JSON can spell half a character (`\\ud83d` alone), which no UTF-8 text can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        if errors == "strict":
            raise DataError(
                f"{path}, line {number}: the text has half a surrogate pair at character {error.start}, which is not a "
                "character. Mend the record, or set `errors: replace`."
            ) from error
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


_ABSENT = object()


def _parquet_texts(path: Path, column: str) -> Iterator[str]:
    import pyarrow
    from pyarrow import parquet

    with contextlib.ExitStack() as stack:
        source: Any = path
        if path.suffix in COMPRESSED_SUFFIXES:
            # Parquet is read from its end, which a compressed stream cannot do.
            source = stack.enter_context(tempfile.TemporaryFile())
            with open_bytes(path) as handle:
                shutil.copyfileobj(handle, source)
            source.seek(0)
        try:
            file = stack.enter_context(parquet.ParquetFile(source))
            names = file.schema_arrow.names
            if column not in names:
                raise DataError(
                    f"{path} has no column {column!r} (it has: {', '.join(names)}). Name the column that "
                    "holds the text with `column`."
                )
            for batch in file.iter_batches(batch_size=1024, columns=[column]):
                for text in batch.column(0).to_pylist():
                    if text is not None and not isinstance(text, str):
                        raise DataError(f"{path}: column {column!r} holds {type(text).__name__}, not text")
                    yield text or ""
        except pyarrow.ArrowInvalid as error:
            raise DataError(_damaged(path, error)) from error
        except OSError as error:
            if error.errno is None:
                raise DataError(_damaged(path, error)) from error
            raise DataError(f"cannot read {path}: {error.strerror or error}") from error
