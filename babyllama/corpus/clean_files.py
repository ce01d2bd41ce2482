"""Cleaning whole files, and showing what a cleaner changes in one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from babyllama.artifacts import Manifest, atomic_file, atomic_folder, fingerprint_file
from babyllama.config.sections import SourceSection
from babyllama.corpus.cleaning import CLEANERS, Cleaner, RuleCount, clean, cleaner_fingerprint
from babyllama.corpus.mixing.sources import Source
from babyllama.corpus.reading import SEPARATOR, corpus_files
from babyllama.corpus.reading.files import TEXT_SUFFIXES, plain_stem, plain_suffix
from babyllama.errors import ConfigError, RunError
from babyllama.registry import suggestion


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
    with atomic_file(target) as handle:
        for part, text in reader.cleaned_parts(keep_speakers):
            characters += len(part.text)
            if not text:
                continue
            kept += len(text)
            documents += not part.continues
            handle.write(f"{text}\n{SEPARATOR}\n")
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
    files = corpus_files(source, key="input")
    _check_domain(domain)
    if target.exists() and not overwrite:
        raise RunError(f"{target} is there already. Name another output, or replace it with --overwrite.")
    inside = target.resolve()
    if any(inside == file.resolve() or inside in file.resolve().parents for file in files):
        raise RunError(f"{target} holds the text to be cleaned, which would be replaced. Name another output.")
    if Path(source).is_file():
        return [clean_file(files[0], target, domain=domain, keep_speakers=keep_speakers, errors=errors)]
    with atomic_folder(target) as folder:
        cleaned = [
            clean_file(
                file, folder / _target_name(source, file), domain=domain, keep_speakers=keep_speakers, errors=errors
            )
            for file in files
        ]
        _manifest(cleaned, keep_speakers).write(folder)
    return cleaned


def _target_name(source: str, file: Path) -> Path:
    suffix = plain_suffix(file) if plain_suffix(file) in TEXT_SUFFIXES else ".txt"
    base = Path(source) if Path(source).is_dir() else file.parent
    return file.relative_to(base).with_name(plain_stem(file) + suffix)


def _manifest(cleaned: list[CleanedFile], keep_speakers: bool) -> Manifest:
    domains = sorted({file.domain for file in cleaned})
    return Manifest(
        "clean",
        {file.source.name: fingerprint_file(file.source) for file in cleaned},
        {"keep_speakers": keep_speakers, "cleaners": {domain: cleaner_fingerprint(domain) for domain in domains}},
        {"files": {file.target.name: {"documents": file.documents, "characters": file.kept} for file in cleaned}},
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
