"""Files to text, in bounded memory: decompression, and strict UTF-8 with the place of a fault.

Whatever is wrong with a file ends in one `DataError` that names the file and the place in it.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from babyllama.artifacts.files import open_regular
from babyllama.corpus.reading.files import compression
from babyllama.errors import DamagedFileError, DataError

BLOCK = 1 << 17
"""Bytes read at a time, and the length in characters above which a single line is handed on in pieces."""

SEPARATOR = "<|endoftext|>"
"""What stands between two documents of a corpus file: on a line of its own where we write it, anywhere where we read."""

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@contextlib.contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The decompressed bytes of the regular file `path`. Faults while opening or reading become a `DataError` that
    names the file.
    """
    try:
        with open_regular(path) as raw, _decompressed(path, raw) as handle:
            yield handle
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DataError(damaged(path, error)) from error
    except DamagedFileError as error:
        raise DataError(str(error)) from error
    except OSError as error:
        raise DataError(unreadable(path, error)) from error


def _decompressed(path: Path, raw: IO[bytes]) -> Any:
    match compression(path):
        case ".gz":
            return gzip.GzipFile(fileobj=raw)
        case ".bz2":
            return bz2.BZ2File(raw)
        case ".xz":
            return lzma.LZMAFile(raw)
        case ".zst":
            import pyarrow  # reads a frame cut short as an error, where other readers just end

            return contextlib.closing(pyarrow.CompressedInputStream(pyarrow.PythonFile(raw), "zstd"))
        case _:
            return contextlib.nullcontext(raw)


def damaged(path: Path, error: Exception) -> str:
    """What to say of a file whose content is broken."""
    return f"{path} is damaged or cut short ({error or type(error).__name__}). Copy or download it again."


def unreadable(path: Path, error: OSError) -> str:
    """What to say of a file that cannot be read, or (how bz2 and pyarrow report damage) whose content is broken."""
    return damaged(path, error) if error.errno is None else f"cannot read {path}: {error.strerror or error}"


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


def uncut_end(text: str, end: int) -> int:
    """The last place up to `end` where `text` may be cut without cutting a separator of documents in two."""
    start = text.rfind("<", max(0, end - len(SEPARATOR) + 1), end)
    return start if start > 0 and SEPARATOR.startswith(text[start:end]) else end


def line_blocks(path: Path, errors: str = "strict") -> Iterator[str]:
    """Text in blocks of whole lines; the blocks joined are the file's text.

    A line longer than `BLOCK` characters comes in several blocks, cut after a space where it has one, and never inside
    a separator of documents.
    """
    rest = ""
    for text in text_blocks(path, errors):
        rest += text
        cut = rest.rfind("\n") + 1
        if not cut and len(rest) > BLOCK:
            cut = rest.rfind(" ") + 1 or uncut_end(rest, len(rest))
        if cut:
            yield rest[:cut]
            rest = rest[cut:]
    if rest:
        yield rest
