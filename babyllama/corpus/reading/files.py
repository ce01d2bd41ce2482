"""Which files a path names, what they are called, and whether they are still what they were."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path

from babyllama import console
from babyllama.artifacts import MANIFEST_NAME, Manifest, fingerprint_files
from babyllama.corpus.fetching.catalog import hint
from babyllama.errors import DataError, MissingTextError
from babyllama.text import has_control_characters, listed, one_line, plural

TEXT_SUFFIXES = (".train", ".dev", ".test", ".txt", ".text", ".tokens", ".raw")
RECORD_SUFFIXES = (".jsonl", ".parquet")
FORMAT_SUFFIXES = (".cha", ".srt", ".vtt")
"""Of transcripts and subtitles, see `babyllama.corpus.reading.formats`."""
COMPRESSED_SUFFIXES = (".gz", ".zst", ".xz", ".bz2")
UNITS_SUFFIX = ".units.tsv"
"""The table of units beside a mix."""

SMALL_FILE = 1000
"""Bytes up to which two files may be equal by chance: one-line files often are."""

_HELD_OUT = ((".dev", ".valid", ".validation"), (".test",))
"""Suffixes that say that a file is held out; the first of the two kinds that occurs is taken where such text is wanted."""
_ABOUT = (
    "readme",
    "license",
    "licence",
    "copying",
    "notice",
    "changelog",
    "authors",
    "makefile",
    "sha256sums",
    "md5sums",
)
"""Names without a suffix of files that speak of a corpus instead of belonging to it."""
_LOOKED_AT = 4096
"""Bytes by which a file without a suffix is judged."""


def plain_suffix(path: Path) -> str:
    """The suffix that says what a file holds, in lower case, below any compression: `.train` of `A.Train.gz`."""
    return Path(_without_compression(path.name)).suffix.lower()


def plain_stem(path: Path) -> str:
    """The file name without suffix and compression: `childes` of `childes.train.gz`."""
    return Path(_without_compression(path.name)).stem


def compression(path: Path) -> str | None:
    """The suffix of the compression that the file's name tells, in lower case."""
    suffix = path.suffix.lower()
    return suffix if suffix in COMPRESSED_SUFFIXES and path.stem else None


def _without_compression(name: str) -> str:
    while (stem := Path(name).stem) != name and Path(name).suffix.lower() in COMPRESSED_SUFFIXES:
        name = stem
    return name


def corpus_files(path: str | Path, *, key: str) -> list[Path]:
    """The text files that `path` names: a file, a folder (searched with its subfolders, sorted), or a glob.

    A folder's text files are those with a suffix of text or records, in upper or lower case, and those without a suffix
    that hold UTF-8 text; one note counts and names what is left out. In a folder, `.dev`, `.valid` and `.test` files are
    left out where there are others, unless `key` (the setting's name, for the error message) speaks of evaluation or
    held-out text: then only those are taken, `.dev` before `.test`, where there are any. So a folder that holds `mix.train`
    and `mix.dev` serves both as `data.train_path` and as `data.eval_path`. Hidden files and manifests are skipped.

    Raises `DataError` naming `key` and `path` when nothing is there, or nothing that can be named or read as a file.
    """
    text = str(path)
    place = Path(text)
    if place.is_file():
        found = [place]
    elif place.is_dir():
        found = _for_purpose(_folder_files(place), held_out="eval" in key or "dev" in key)
    elif place.exists():
        raise DataError(f"{key}: {one_line(text)} is neither a file nor a folder. Give a file, a glob or a folder.")
    else:
        found = sorted(filter(Path.is_file, map(Path, glob(text, recursive=True))))
    if not found:
        problem = "holds no text" if place.is_dir() else "matches no file" if has_magic(text) else "does not exist"
        known = " ".join(TEXT_SUFFIXES + RECORD_SUFFIXES + FORMAT_SUFFIXES)
        raise MissingTextError(
            f"{key}: {one_line(text)} {problem}. Give a file, a glob, or a folder with files {known} (also compressed: "
            f"{' '.join(COMPRESSED_SUFFIXES)}).{hint(text)}"
        )
    for file in found:
        _check_name(file, key)
    return found


def _check_name(file: Path, key: str) -> None:
    """Names go into manifests, tables and messages, which are UTF-8 text of one line."""
    name = str(file)
    try:
        name.encode()
        problem = "has control characters in its name" if has_control_characters(name) else None
    except UnicodeEncodeError:
        problem = "has a name that is not UTF-8"
        name = os.fsencode(file).decode("utf-8", "backslashreplace")
    if problem:
        raise DataError(f"{key}: the file {one_line(name)} {problem}. Rename it.")


def _folder_files(folder: Path) -> list[Path]:
    """The text files of `folder` and the folders below it; says which other files there are."""
    read: list[Path] = []
    left_out: list[str] = []
    for entry in _visible(folder):
        if entry.is_file() and _is_text(entry):
            read.append(entry)
        elif not (entry.is_dir() and not entry.is_symlink()):
            left_out.append(one_line(str(entry.relative_to(folder))))
    if left_out:
        console.say(f"{folder}: {plural(len(left_out), 'file')} left out, not known as text: {listed(left_out, 5)}")
    return read


def _visible(folder: Path) -> Iterator[Path]:
    """What lies below `folder`, sorted, apart from what is hidden or was put beside a corpus by a stage."""
    entries: list[Path] = []
    for place, folders, files in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        entries += (Path(place, name) for name in [*folders, *files])
    for entry in sorted(entries):
        beside = entry.name == MANIFEST_NAME or entry.name.endswith(UNITS_SUFFIX)
        if not beside and not entry.name.startswith("."):
            yield entry


def _unreadable(error: OSError) -> None:
    raise DataError(f"cannot read the folder {error.filename}: {error.strerror or error}") from error


def _is_text(file: Path) -> bool:
    suffix = plain_suffix(file)
    if suffix:
        return suffix in TEXT_SUFFIXES + RECORD_SUFFIXES + FORMAT_SUFFIXES
    if compression(file):
        return True
    if file.name.lower() in _ABOUT:
        return False
    # WikiExtractor, for one, calls its files wiki_00.
    try:
        with file.open("rb") as handle:
            start = handle.read(_LOOKED_AT)
        start.decode()
    except OSError:
        return False
    except UnicodeDecodeError as error:
        # The last character may be cut in two.
        if error.start < _LOOKED_AT - 3:
            return False
    return b"\0" not in start


def _for_purpose(files: list[Path], *, held_out: bool) -> list[Path]:
    kinds = [[file for file in files if _suffixes(file) & set(suffixes)] for suffixes in _HELD_OUT]
    if held_out:
        return next((chosen for chosen in kinds if chosen), files)
    return [file for file in files if not any(file in chosen for chosen in kinds)] or files


def _suffixes(file: Path) -> set[str]:
    return {suffix.lower() for suffix in file.suffixes}


def same_text(files: Iterable[Path], others: Iterable[Path]) -> dict[Path, Path]:
    """Those of `files` that hold the text of one of `others`, with that one: the same place, or the same content.

    Files up to `SMALL_FILE` bytes are compared by their place only.
    """
    others = list(others)
    places = {os.path.realpath(other): other for other in others}
    found = {}
    rest = []
    for file in files:
        other = places.get(os.path.realpath(file))
        if other is None:
            rest.append(file)
        else:
            found[file] = other
    by_size: dict[int, list[Path]] = {}
    for other in others:
        by_size.setdefault(other.stat().st_size, []).append(other)
    contents: dict[str, Path] = {}
    for file in rest:
        # Only files of one size can be equal, so that seldom anything is read here.
        candidates = by_size.get(size := file.stat().st_size, []) if file.stat().st_size > SMALL_FILE else []
        for other in candidates:
            contents.setdefault(fingerprint_text([other]), other)
        if candidates and size and (same := contents.get(fingerprint_text([file]))):
            found[file] = same
    return found


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
