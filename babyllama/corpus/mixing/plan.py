"""What a mix will be: its sources, budgets and place, checked before anything is read or written at length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from glob import has_magic
from pathlib import Path
from typing import Any

from babyllama.artifacts import Manifest, fingerprint_file, refuse_foreign
from babyllama.config.amounts import Amount, parse_amount, parse_bytes
from babyllama.config.sections import Config, MixingSection
from babyllama.corpus.cleaning import cleaner_fingerprint
from babyllama.corpus.mixing.editing import Editor
from babyllama.corpus.mixing.sources import Source, refuse_shared_text, resolve_sources
from babyllama.corpus.mixing.units import count_words
from babyllama.errors import ConfigError, DataError, RunError, TokenizerError

STAGE = "mix"
"""What the manifest of a mix calls it."""
ALGORITHM = 2
"""Raised when the same settings and sources would give another text than before."""


@dataclass(frozen=True)
class MixPlan:
    """A mix with everything resolved."""

    mixing: MixingSection
    folder: Path
    train_name: str
    dev_name: str
    sources: tuple[Source, ...]
    dev_sources: tuple[Source, ...]
    """Sources of the held-out text of their own; empty when it is split off `sources` or not wanted."""
    unit: str
    """What shares are counted in: bytes, words or tokens."""
    budget: int | None
    dev_budget: int | None
    max_unit: int
    """Bytes above which a document is mixed in pieces."""
    tokenizer: Path | None
    """The tokenizer.json that counts tokens, when they are the unit."""

    @property
    def splits(self) -> bool:
        """Whether the held-out text is split off the training sources."""
        return self.dev_budget is not None and not self.dev_sources

    @cached_property
    def size(self) -> Callable[[bytes], int]:
        """The amount of a text in `unit`."""
        if self.tokenizer is not None:
            return _token_counter(self.tokenizer)
        return count_words if self.unit == "words" else len

    @cached_property
    def editor(self) -> Editor | None:
        """What leaves out sentences and replaces text; None where nothing does."""
        return Editor.of(self.mixing)

    def editor_of(self, source: Source) -> Editor | None:
        """The editor of the text of `source`, which leaves held-out text of its own alone unless that is asked for."""
        return self.editor if self.mixing.edit_dev or source not in self.dev_sources else None

    @cached_property
    def manifest(self) -> Manifest | None:
        """The manifest of what is in the folder now."""
        manifest = Manifest.read(self.folder) if self.folder.is_dir() else None
        return manifest if manifest and manifest.stage == STAGE else None

    @cached_property
    def inputs(self) -> dict[str, str]:
        """Fingerprint of every source."""
        known = self.manifest.inputs if self.manifest else {}
        inputs = {name: source.fingerprint(known.get(name)) for name, source in self._named_sources()}
        if self.tokenizer:
            inputs["tokenizer"] = fingerprint_file(self.tokenizer)
        return inputs

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every setting that shapes the text. Places are left out: a corpus that was moved is the same corpus."""
        mixing = self.mixing
        kept = ("exact", "on_short", "clean", "keep_speakers", "deduplicate", "shuffle", "errors", "seed")
        domains = {domain for source in (*self.sources, *self.dev_sources) for domain in source.domains}
        return {
            "algorithm": ALGORITHM,
            "files": [self.train_name, self.dev_name],
            "unit": self.unit,
            "budget": self.budget,
            "dev_budget": self.dev_budget,
            "max_unit": self.max_unit,
            **{name: getattr(mixing, name) for name in kept},
            "sources": [_described(source) for source in self.sources],
            "dev_sources": [_described(source) for source in self.dev_sources],
            # Absent where nothing is edited, so that a mix made before there was an editor is still the same mix.
            **({**self.editor.settings, "edit_dev": mixing.edit_dev} if self.editor else {}),
            "cleaners": {domain: cleaner_fingerprint(domain) for domain in sorted(domains)} if mixing.clean else {},
        }

    def refuse_foreign_folder(self) -> None:
        """Raise `RunError` when the folder holds anything and never held a mix: writing the mix would replace it."""
        if self.manifest is None:
            try:
                refuse_foreign(self.folder, ())
            except RunError as error:
                raise RunError(f"data.train_path: {error} The mix needs one.") from error

    def refuse_changed_sources(self) -> None:
        """Raise `DataError` when a source no longer holds what its fingerprint was taken of."""
        for name, source in self._named_sources():
            if source.files and source.fingerprint() != self.inputs[name]:
                raise DataError(
                    f"the source {source.name!r} changed while it was mixed. Run the same command again when nothing writes "
                    "there."
                )

    def _named_sources(self) -> list[tuple[str, Source]]:
        """The sources under the names that the manifest gives them."""
        named = [(source.name, source) for source in self.sources]
        return named + [(f"dev: {source.name}", source) for source in self.dev_sources]


def plan_mix(config: Config) -> MixPlan:
    """The plan of `config.mixing`. Raises `ConfigError`, `DataError` or `TokenizerError` for what cannot be mixed."""
    mixing = config.mixing
    if mixing is None:
        raise ConfigError("this configuration has no `mixing` section, so there is nothing to mix.")
    folder, train_name = _place(config.data.train_path)
    unit, budget, dev_budget = _budgets(mixing)
    sources = tuple(resolve_sources(mixing))
    dev_sources = tuple(resolve_sources(mixing, dev=True)) if dev_budget is not None else ()
    refuse_shared_text([*sources, *dev_sources])
    return MixPlan(
        mixing=mixing,
        folder=folder,
        train_name=train_name,
        dev_name=Path(train_name).stem + ".dev",
        sources=sources,
        dev_sources=dev_sources,
        unit=unit,
        budget=budget,
        dev_budget=dev_budget,
        max_unit=_max_unit(mixing, unit, [(budget, sources), (dev_budget, dev_sources or sources)]),
        tokenizer=_tokenizer_file(config.data.tokenizer_path) if unit == "tokens" else None,
    )


def _place(train_path: str) -> tuple[Path, str]:
    path = Path(train_path)
    if has_magic(train_path) or (path.is_file() and path.suffix != ".train"):
        raise ConfigError(
            f"data.train_path = {train_path!r} must name a folder for the mix, or a .train file in one: the `mixing` "
            "section writes the training text there."
        )
    return (path.parent, path.name) if path.suffix == ".train" else (path, "mix.train")


def _budgets(mixing: MixingSection) -> tuple[str, int | None, int | None]:
    """The unit of shares and the two budgets in it."""
    amounts: dict[str, Amount] = {}
    for key in ("budget", "dev_budget"):
        value = getattr(mixing, key)
        if value is not None:
            amounts[key] = parse_amount(value)
    # The check of the configuration has seen to it that they name one unit.
    unit = next((amount.unit for amount in amounts.values() if amount.unit), mixing.unit)
    budget, dev_budget = (amounts[key].number if key in amounts else None for key in ("budget", "dev_budget"))
    return unit, budget, dev_budget


def _max_unit(mixing: MixingSection, unit: str, mixes: list[tuple[int | None, tuple[Source, ...]]]) -> int:
    """`mixing.max_unit`, but at most a quarter of the smallest share, so that small mixes are shared out evenly too."""
    limit = parse_bytes(mixing.max_unit)
    bytes_per_unit = {"bytes": 1, "words": 5, "tokens": 4}[unit]
    for budget, sources in mixes:
        if budget is not None:
            weights = [source.weight for source in sources]
            limit = min(limit, int(budget * min(weights) / sum(weights) * bytes_per_unit) // 4)
    return max(limit, 64)


def _tokenizer_file(path: str) -> Path:
    file = Path(path) / "tokenizer.json" if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise TokenizerError(
            f"mixing counts tokens with data.tokenizer_path = {path!r}, and no tokenizer is there. Train it first with "
            "`babyllama tokenizer`, or give the budget in bytes or words."
        )
    return file


def _token_counter(file: Path) -> Callable[[bytes], int]:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing more specific
        raise TokenizerError(f"{file} is not a tokenizer that can be read: {error}") from error
    tokenizer.encode_special_tokens = True
    return lambda data: len(tokenizer.encode(data.decode(), add_special_tokens=False).ids)


def _described(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "domains": list(source.domains),
        "weight": source.weight,
        "column": source.section.column,
        "speakers": source.section.speakers,
        "titles": source.section.titles,
    }
