"""Prepared corpora: which files they are, and their documents, streamed.

A prepared text file separates its documents by a line `<|endoftext|>`; a file without that line is one
document. How a raw source falls into documents is the business of `babyllama.corpus.sources`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path

from babyllama.artifacts import Manifest, fingerprint_files
from babyllama.corpus.reading import (
    COMPRESSED_SUFFIXES,
    RECORD_SUFFIXES,
    TEXT_SUFFIXES,
    line_blocks,
    plain_suffix,
    records,
)
from babyllama.errors import DataError
from babyllama.text import listed

SEPARATOR = "<|endoftext|>"
"""The line between two documents of a corpus file."""

MAX_DOCUMENT = 1_000_000
"""Characters after which a document goes on as the next one, so that no file needs to fit in memory."""

# The literal comes first and the test for the line's start after it: so the search runs at the speed of
# memchr.
SEPARATOR_LINE = re.compile(r"<\|endoftext\|>(?<=^<\|endoftext\|>)[ \t]*\r?(?:\n|\Z)", re.MULTILINE)


def read_documents(paths: Sequence[str | Path], *, errors: str = "strict") -> Iterator[str]:
    """The documents of prepared corpus files, in order and in bounded memory.

    Text files are split at `<|endoftext|>` lines; the line break before such a line, and the last one of a
    file, belong to no document. `.jsonl` and `.parquet` files give one document per record of their column
    `text`. Empty documents are dropped. A document longer than `MAX_DOCUMENT` characters comes in consecutive
    pieces cut at line ends, which joined are the document.

    Raises `DataError` for a file that cannot be read; `errors="replace"` accepts broken UTF-8 and marks it by
    U+FFFD.
    """
    for path in map(Path, paths):
        if plain_suffix(path) in RECORD_SUFFIXES:
            for record in records(path, errors=errors):
                yield from _bounded(record)
        else:
            yield from _separated(path, errors)


def _separated(path: Path, errors: str) -> Iterator[str]:
    held: list[str] = []
    size = 0
    for block in line_blocks(path, errors):
        first, *others = SEPARATOR_LINE.split(block) if SEPARATOR in block else (block,)
        held.append(first)
        size += len(first)
        for text in others:
            yield from _bounded(_without_line_end("".join(held)))
            held, size = [text], len(text)
        if size > MAX_DOCUMENT:
            *ready, rest = bounded_pieces("".join(held))
            yield from ready
            held, size = [rest], len(rest)
    yield from _bounded(_without_line_end("".join(held)))


def _without_line_end(text: str) -> str:
    return text[: -2 if text.endswith("\r\n") else -1] if text.endswith("\n") else text


def _bounded(text: str) -> list[str]:
    return bounded_pieces(text) if text.strip() else []


def bounded_pieces(text: str) -> list[str]:
    """`text` cut to at most `MAX_DOCUMENT` characters a piece, at a line end, else a space, else anywhere."""
    pieces = []
    start = 0
    while len(text) - start > MAX_DOCUMENT:
        limit = start + MAX_DOCUMENT
        end = text.rfind("\n", start, limit) + 1 or text.rfind(" ", start, limit) + 1 or limit
        pieces.append(text[start:end])
        start = end
    return [*pieces, text[start:]]


def corpus_files(path: str | Path, *, key: str) -> list[Path]:
    """The text files that `path` names: a file, a folder (searched with its subfolders, sorted), or a glob.

    In a folder, `.dev` and `.test` files are left out where there are others, unless `key` (the setting's
    name, for the error message) speaks of evaluation or held-out text: then only `.dev` files are taken, else
    `.test`, where there are any. So a folder that holds `mix.train` and `mix.dev` serves both as
    `data.train_path` and as `data.eval_path`. Hidden files and manifests are skipped.

    Raises `DataError` naming `key` and `path` when nothing is there.
    """
    text = str(path)
    place = Path(text)
    if place.is_file():
        return [place]
    if place.is_dir():
        found = _for_purpose(_folder_files(place), held_out="eval" in key or "dev" in key)
        problem = "holds no text"
    else:
        found = sorted(filter(Path.is_file, map(Path, glob(text, recursive=True))))
        problem = "matches no file" if has_magic(text) else "does not exist"
    if not found:
        known = " ".join(TEXT_SUFFIXES + RECORD_SUFFIXES)
        raise DataError(
            f"{key}: {text} {problem}. Give a file, a glob, or a folder with files {known} (also compressed: "
            f"{' '.join(COMPRESSED_SUFFIXES)})."
        )
    return found


def _folder_files(folder: Path) -> list[Path]:
    known = TEXT_SUFFIXES + RECORD_SUFFIXES
    return sorted(
        file
        for file in folder.rglob("*")
        if plain_suffix(file) in known
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.is_file()
    )


def _for_purpose(files: list[Path], *, held_out: bool) -> list[Path]:
    if held_out:
        for suffix in (".dev", ".test"):
            chosen = [file for file in files if plain_suffix(file) == suffix]
            if chosen:
                return chosen
        return files
    return [file for file in files if plain_suffix(file) not in (".dev", ".test")] or files


def fingerprint_text(files: Sequence[Path]) -> str:
    """The content of `files` as one fingerprint; `DataError` naming the one that cannot be read."""
    try:
        return fingerprint_files(files)
    except OSError as error:
        raise DataError(f"cannot read {error.filename}: {error.strerror or error}") from error


def refuse_changed(files: Sequence[Path], fingerprint: str) -> None:
    """Raise `DataError` when `files` no longer hold what `fingerprint` was taken of: a stage read something else."""
    if fingerprint_text(files) != fingerprint:
        raise DataError(
            f"the text changed while it was read ({listed([str(file) for file in files])}). Run the same command again when "
            "nothing writes there."
        )


def is_synthetic(paths: Sequence[str | Path]) -> bool:
    """Whether any of the files is generated text, or mixed from such, by the manifest beside it."""
    for folder in {Path(path).parent for path in paths}:
        manifest = Manifest.read(folder)
        if manifest and (manifest.stage == "synthetic" or manifest.outputs.get("synthetic")):
            return True
    return False
