"""Domain cleaners: one per BabyLM domain, plus `wikipedia`, `subtitles`, `dialogue`, `default` and `none`.

clean(text, "childes")                     the cleaned text
CLEANERS.get("childes").explain(text)          the cleaned text and what each rule did
register_cleaner("poetry")(function)       adds a domain; `DomainCleaners.poetry = function` does the same
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from babyllama.artifacts import code_value, fingerprint_value
from babyllama.config.tables import CLEANERS
from babyllama.corpus.cleaning.cleaner import Cleaner, RuleCount
from babyllama.corpus.cleaning.rules import Rule, apply_rules
from babyllama.errors import ConfigError, DataError
from babyllama.registry import suggestion

__all__ = [
    "CLEANERS",
    "Cleaner",
    "CleanerFunction",
    "DomainCleaners",
    "Rule",
    "RuleCount",
    "apply_rules",
    "clean",
    "clean_all",
    "cleaner_fingerprint",
    "create_cleaner_registry",
    "register_cleaner",
]

CleanerFunction = Callable[[str], str]


def clean(text: str, domain: str = "default", keep_speakers: bool = False) -> str:
    """`text` cleaned by the cleaner of `domain`.

    `keep_speakers` keeps speaker labels, stage directions and annotations, where the domain has rules on them; a
    registered function decides for itself. Raises `ConfigError` for an unknown domain and `DataError` when a
    registered function returns something other than a string.
    """
    cleaner = CLEANERS.get(domain)
    if isinstance(cleaner, Cleaner):
        return cleaner(text, keep_speakers)
    cleaned = cleaner(text)
    if not isinstance(cleaned, str):
        raise DataError(
            f"the cleaner {domain!r} returned {type(cleaned).__name__}; a cleaner takes and returns a string."
        )
    return cleaned.strip()


def clean_all(texts: Sequence[str], domain: str = "default", keep_speakers: bool = False) -> list[str]:
    """`clean` of each of `texts`; faster where they are short."""
    cleaner = CLEANERS.get(domain)
    if isinstance(cleaner, Cleaner):
        return cleaner.clean_all(texts, keep_speakers)
    return [clean(text, domain, keep_speakers) for text in texts]


def register_cleaner(name: str, cleaner: CleanerFunction | None = None) -> Any:
    """Add a cleaner for the domain `name` (or replace one), directly or as a decorator: `@register_cleaner("poetry")`.

    A cleaner takes a document's text and returns the cleaned text; it should be pure, and idempotent.
    """

    def add(function: CleanerFunction) -> CleanerFunction:
        if not callable(function):
            raise ConfigError(f"the cleaner {name!r} is {type(function).__name__}; it must be a function of a text.")
        CLEANERS.register(name, function)
        return function

    return add if cleaner is None else add(cleaner)


class _Registry(type):
    """Attributes of `DomainCleaners` are the entries of `CLEANERS`."""

    def __getattr__(cls, name: str) -> CleanerFunction:
        if name.startswith("__") or name not in CLEANERS:
            raise AttributeError(f"no cleaner {name!r}; {suggestion(name, CLEANERS)}")
        return CLEANERS.get(name)

    def __setattr__(cls, name: str, value: Any) -> None:
        register_cleaner(name, value.__func__ if isinstance(value, staticmethod) else value)

    def __dir__(cls) -> list[str]:
        return [*super().__dir__(), *CLEANERS]


class DomainCleaners(metaclass=_Registry):
    """The cleaners as attributes: `DomainCleaners.wikipedia(text)`. Setting an attribute adds a cleaner."""

    def __getattr__(self, name: str) -> CleanerFunction:
        return getattr(type(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(type(self), name, value)


def create_cleaner_registry() -> dict[str, CleanerFunction]:
    """Domain -> function of a text, as a copy: changes to it stay there."""
    return dict(CLEANERS.items())


def cleaner_fingerprint(domain: str) -> str:
    """A hash that changes when the cleaner of `domain` does: of its rules, or of a registered function's code."""
    cleaner = CLEANERS.get(domain)
    if isinstance(cleaner, Cleaner):
        return fingerprint_value(
            [
                {key: code_value(value) for key, value in vars(rule).items() if key not in ("what", "compiled")}
                for rule in cleaner.rules
            ]
        )
    return fingerprint_value(code_value(cleaner))
