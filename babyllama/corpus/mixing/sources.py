"""The sources of a mix: files, folders, globs and Hub data sets, each with its domain, read as a stream of
documents.
"""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from babyllama.config.sections import MixingSection, SourceSection
from babyllama.corpus.cleaning import CLEANERS, clean_all
from babyllama.corpus.reading import corpus_files, fingerprint_text, hub
from babyllama.corpus.reading.files import RECORD_SUFFIXES, plain_stem, plain_suffix, same_text
from babyllama.corpus.reading.formats import DOMAINS, Choice, format_of, formatted_documents
from babyllama.corpus.reading.records import records
from babyllama.corpus.reading.splitting import Part, split_file, split_record
from babyllama.errors import ConfigError, DataError

_CLEANED_TOGETHER = 1 << 17
"""Characters from which on documents are cleaned without waiting for more. A quarter costs short ones a tenth of the speed."""


@dataclass(frozen=True)
class Source:
    """One source with its place resolved: `files`, or a Hub data set."""

    name: str
    weight: float
    domain: str | None
    """The configured domain; None means that each file's name decides."""
    section: SourceSection
    files: tuple[Path, ...]
    errors: str

    def parts(self, *, labels: bool = False) -> Iterator[Part]:
        """The documents in file order (a very long one in several parts), raw; `labels` keeps the speakers of CHAT."""
        if self.section.hub:
            for text in hub.texts(self.section):
                yield from split_record(text, self.domain or "default")
        for file in self.files:
            domain = self.domain_of(file)
            if plain_suffix(file) in RECORD_SUFFIXES:
                for text in records(file, self.section.column, self.errors):
                    yield from split_record(text, domain)
            elif kind := format_of(file):
                choice = Choice(self.section.speakers, labels, self.section.titles)
                for text in formatted_documents(file, kind, self.errors, choice):
                    yield from split_record(text, domain)
            else:
                yield from split_file(file, domain, self.errors)

    def cleaned_parts(self, keep_speakers: bool) -> Iterator[tuple[Part, str]]:
        """The documents as `parts` gives them, each with its cleaned text."""
        waiting: list[Part] = []
        characters = 0
        for part in self.parts(labels=keep_speakers):
            if waiting and (characters > _CLEANED_TOGETHER or part.domain != waiting[0].domain):
                yield from _cleaned(waiting, keep_speakers)
                waiting, characters = [], 0
            waiting.append(part)
            characters += len(part.text)
        if waiting:
            yield from _cleaned(waiting, keep_speakers)

    def domain_of(self, file: Path) -> str:
        """The cleaner and splitter for `file`: the configured domain, else what its BabyLM stem says, else its format."""
        if self.domain:
            return self.domain
        guessed = guess_domain(plain_stem(file))
        return DOMAINS.get(plain_suffix(file), guessed) if guessed == "default" else guessed

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that occur in it."""
        return tuple(sorted({self.domain_of(file) for file in self.files} or {self.domain or "default"}))

    def fingerprint(self, known: str | None = None) -> str:
        """What the source holds, as one hash. For a Hub data set its revision; `known` is used when offline."""
        if self.section.hub:
            return hub.fingerprint(self.section, known)
        return fingerprint_text(self.files)


def _cleaned(parts: list[Part], keep_speakers: bool) -> Iterator[tuple[Part, str]]:
    texts = clean_all([part.text for part in parts], parts[0].domain, keep_speakers)
    return zip(parts, texts, strict=True)


def guess_domain(stem: str) -> str:
    """The domain that a file stem names: one of the cleaners, else the longest that the stem contains, else
    default.
    """
    stem = stem.lower()
    if stem in CLEANERS:
        return stem
    contained = [name for name in CLEANERS if name in stem and name not in ("default", "none")]
    return max(contained, key=len, default="default")


def resolve_sources(mixing: MixingSection, *, dev: bool = False) -> list[Source]:
    """The sources of the mix, or with `dev` those of the held-out text, all checked.

    Raises `ConfigError` for two sources of one name; `DataError` for a place without text and for text that two
    sources share.
    """
    sections = mixing.dev_sources or [] if dev else mixing.sources
    key = "mixing.dev_sources" if dev else "mixing.sources"
    sources = [_resolve(mixing, section, f"{key}[{number}]", dev) for number, section in enumerate(sections)]
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{key}: two sources are called {name!r}. Give one of them another `name`.")
    return sources


def _resolve(mixing: MixingSection, section: SourceSection, key: str, dev: bool) -> Source:
    if section.hub:
        name = section.name or section.hub.rstrip("/").rsplit("/", 1)[-1]
        return Source(name, section.weight, section.domain, section, (), mixing.errors)
    assert section.path is not None
    files = tuple(_find(mixing.root, section.path, key=f"{key}.path", dev=dev))
    name = section.name or (plain_stem(files[0]) if len(files) == 1 else Path(section.path).name)
    return Source(name, section.weight, section.domain, section, files, mixing.errors)


def _find(root: str, path: str, *, key: str, dev: bool) -> list[Path]:
    """The files of `path` below `root`; a bare stem such as `childes` finds the one file of that stem."""
    place = os.path.join(root, path)
    if not os.path.exists(place) and path == Path(path).name and not Path(path).suffix:
        suffix = "dev" if dev else "train"
        matches = sorted(Path(root).glob(f"**/{glob.escape(path)}.{suffix}*"))
        if len(matches) > 1:
            raise DataError(f"{key}: {path!r} could be {', '.join(map(str, matches))}. Give the path below {root}.")
        if matches:
            return matches
    return corpus_files(place, key=f"{key} (below mixing.root = {root})")


def refuse_shared_text(sources: Iterable[Source]) -> None:
    """Raise `DataError` when two sources, of the training or the held-out text, hold the same file."""
    for one, other in itertools.combinations(sources, 2):
        for file, same in same_text(other.files, one.files).items():
            raise DataError(_shared(other, file, one, same))


def _shared(source: Source, file: Path, other: Source, other_file: Path) -> str:
    same = f"{file}" if file == other_file else f"{file} (the same text as {other_file})"
    return (
        f"the sources {other.name!r} and {source.name!r} both hold {same}: it would count twice in the shares, or leak "
        "into the held-out text. Name it in one source only."
    )
