"""Cleaning whole files, and showing what a cleaner changes in one."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from babyllama.artifacts import Manifest, atomic_file, atomic_folder, file_facts, refuse_foreign
from babyllama.config.sections import SourceSection
from babyllama.corpus.cleaning import CLEANERS, Cleaner, RuleCount, clean, cleaner_fingerprint
from babyllama.corpus.mixing.sources import Source
from babyllama.corpus.reading import SEPARATOR, corpus_files, fingerprint_text, refuse_changed
from babyllama.corpus.reading.documents import OtherSpellings
from babyllama.corpus.reading.files import TEXT_SUFFIXES, plain_stem, plain_suffix
from babyllama.errors import ConfigError, DataError, RunError
from babyllama.registry import suggestion

STAGE = "clean"
"""What the manifest of a folder of cleaned files calls it."""


@dataclass(frozen=True)
class CleanedFile:
    """What became of one file."""

    source: Path
    target: Path
    domain: str
    documents: int
    characters: int
    """Characters of the documents as they were."""
    kept: int
    """Characters left of them."""


@dataclass
class Changes:
    """What a cleaner does to a file."""

    domain: str
    documents: int = 0
    characters: int = 0
    rules: dict[str, RuleCount] = field(default_factory=dict)
    """What each rule changed; empty for a registered function, which has no rules."""
    lines: int = 0
    """Lines that changed."""
    sample: list[tuple[str, str]] = field(default_factory=list)
    """Some of them, before and after, in file order."""


def clean_file(
    source: Path, target: Path, *, domain: str | None = None, keep_speakers: bool = False, errors: str = "strict"
) -> CleanedFile:
    """Write the cleaned documents of `source` to `target`, atomically, each ended by a line `<|endoftext|>`."""
    reader = _reader(source, domain, errors)
    documents = characters = kept = 0
    spellings = OtherSpellings()
    with atomic_file(target) as handle:
        for part, text in reader.cleaned_parts(keep_speakers):
            characters += len(spellings.look(part.text))
            if not text:
                continue
            kept += len(text)
            documents += not part.continues
            handle.write(f"{text}\n{SEPARATOR}\n")
    spellings.warn(str(source))
    return CleanedFile(source, target, reader.domain_of(source), documents, characters, kept)


def clean_path(
    source: str,
    target: Path,
    *,
    domain: str | None = None,
    keep_speakers: bool = False,
    errors: str = "strict",
    overwrite: bool = False,
) -> list[CleanedFile]:
    """Clean a file into a file, or a folder (or glob) into a folder with a manifest.

    Raises `RunError` when `target` is there already and `overwrite` is off, or holds the source; `DataError` for text
    that cannot be read. Nothing half-written remains.
    """
    _check_domain(domain)
    files = corpus_files(source, key="input")
    if target.exists() and not overwrite:
        raise RunError(f"{target} is there already. Name another output, or replace it with --overwrite.")
    inside = target.resolve()
    if any(inside == file.resolve() or inside in file.resolve().parents for file in files):
        raise RunError(f"{target} holds the text to be cleaned, which would be replaced. Name another output.")
    if Path(source).is_file():
        if target.is_dir():
            raise RunError(f"{target} is a folder and {source} a file. Name a file to write to.")
        return [clean_file(files[0], target, domain=domain, keep_speakers=keep_speakers, errors=errors)]
    refuse_foreign(target, _own_files(target))
    base = _base(source, files)
    targets = _targets(base, files)
    fingerprints = {file: fingerprint_text([file]) for file in files}
    with atomic_folder(target) as folder:
        cleaned = []
        for file in files:
            cleaned.append(
                clean_file(file, folder / targets[file], domain=domain, keep_speakers=keep_speakers, errors=errors)
            )
            refuse_changed([file], fingerprints[file])
        inputs = {file.relative_to(base).as_posix(): fingerprint for file, fingerprint in fingerprints.items()}
        _manifest(inputs, cleaned, folder, keep_speakers).write(folder)
    return cleaned


def _own_files(folder: Path) -> set[str]:
    """What cleaning wrote into `folder` before, by the names directly in it."""
    manifest = Manifest.read(folder) if folder.is_dir() else None
    return {name.split("/")[0] for name in manifest.files} if manifest and manifest.stage == STAGE else set()


def _base(source: str, files: list[Path]) -> Path:
    """The folder from which names are kept: the one that was given, or what the files of a glob have in common."""
    return Path(source) if Path(source).is_dir() else Path(os.path.commonpath([file.parent for file in files]))


def _targets(base: Path, files: list[Path]) -> dict[Path, Path]:
    """Where each file goes, relative to the target; `DataError` when two would go to one place."""
    targets: dict[Path, Path] = {}
    taken: dict[str, Path] = {}
    for file in files:
        suffix = plain_suffix(file) if plain_suffix(file) in TEXT_SUFFIXES else ".txt"
        targets[file] = file.relative_to(base).with_name(plain_stem(file) + suffix)
        # In lower case, since not every file system tells A.txt from a.txt.
        other = taken.setdefault(str(targets[file]).lower(), file)
        if other is not file:
            raise DataError(
                f"{other} and {file} would both be written to {targets[file]}. Rename one of them, or clean them one at a time."
            )
    return targets


def _manifest(inputs: dict[str, str], cleaned: list[CleanedFile], folder: Path, keep_speakers: bool) -> Manifest:
    domains = sorted({file.domain for file in cleaned})
    names = {file.target.relative_to(folder).as_posix(): file for file in cleaned}
    return Manifest(
        STAGE,
        inputs,
        {"keep_speakers": keep_speakers, "cleaners": {domain: cleaner_fingerprint(domain) for domain in domains}},
        {"texts": {name: {"documents": file.documents, "characters": file.kept} for name, file in names.items()}},
        files=file_facts(folder),
    )


def changes(
    source: Path,
    *,
    domain: str | None = None,
    keep_speakers: bool = False,
    errors: str = "strict",
    sample: int = 10,
    seed: int = 42,
) -> Changes:
    """What the cleaner would change in `source`: counts by rule, and `sample` changed lines drawn with `seed`."""
    reader = _reader(source, domain, errors)
    found = Changes(reader.domain_of(source))
    cleaner = CLEANERS.get(found.domain)
    drawn: list[tuple[int, str, str]] = []
    generator = random.Random(seed)
    for part in reader.parts():
        found.documents += not part.continues
        found.characters += len(part.text)
        if isinstance(cleaner, Cleaner):
            _add(found.rules, cleaner.explain(part.text, keep_speakers)[1])
        for before, after in _changed_lines(part.text, part.domain, keep_speakers):
            # Reservoir sampling: every changed line of the file is equally likely to be shown.
            place = found.lines if found.lines < sample else generator.randint(0, found.lines)
            if place < sample:
                drawn[place : place + 1] = [(found.lines, before, after)]
            found.lines += 1
    found.sample = [(before, after) for _, before, after in sorted(drawn)]
    return found


def _add(total: dict[str, RuleCount], counts: Mapping[str, RuleCount]) -> None:
    for name, count in counts.items():
        old = total.get(name, RuleCount(0, 0))
        total[name] = RuleCount(old.matches + count.matches, old.characters + count.characters)


def _changed_lines(text: str, domain: str, keep_speakers: bool) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        after = clean(line, domain, keep_speakers)
        if after != line:
            yield line, after


def _reader(file: Path, domain: str | None, errors: str) -> Source:
    _check_domain(domain)
    return Source(file.name, 1.0, domain, SourceSection(path=str(file)), (file,), errors)


def _check_domain(domain: str | None) -> None:
    if domain is not None and domain not in CLEANERS:
        raise ConfigError(f"--domain {domain!r} is not a domain; {suggestion(domain, CLEANERS)}.")
