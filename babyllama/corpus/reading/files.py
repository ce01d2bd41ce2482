"""Which files a path names, what they are called, and whether they are still what they were."""

from __future__ import annotations

from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path

from babyllama.artifacts import Manifest, fingerprint_files
from babyllama.errors import DataError
from babyllama.text import listed

TEXT_SUFFIXES = (".train", ".dev", ".test", ".txt")
RECORD_SUFFIXES = (".jsonl", ".parquet")
COMPRESSED_SUFFIXES = (".gz", ".zst", ".xz", ".bz2")


def plain_suffix(path: Path) -> str:
    """The suffix that says what a file holds, below any compression: `.train` of `a.train.gz`."""
    suffixes = path.suffixes
    if suffixes and suffixes[-1] in COMPRESSED_SUFFIXES:
        suffixes = suffixes[:-1]
    return suffixes[-1] if suffixes else ""


def plain_stem(path: Path) -> str:
    """The file name without suffix and compression: `childes` of `childes.train.gz`."""
    name = path.name
    for suffix in COMPRESSED_SUFFIXES:
        name = name.removesuffix(suffix)
    return name.removesuffix(plain_suffix(path)) or name


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
