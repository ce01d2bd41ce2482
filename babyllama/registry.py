"""One name table for everything that has a name: families, cleaners, protocols, tasks, objectives, optimizers, commands.

An unknown name is answered with the nearest known one and the list. An entry may be a dotted path, which is imported when
it is asked for, so that a table can be read without paying for what it names.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Generic, TypeVar, cast

from babyllama.errors import BabyLlamaError

Item = TypeVar("Item")


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice most like `word`, if any is alike."""
    by_lower = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def suggestion(word: str, choices: Iterable[str]) -> str:
    """ "did you mean X?" when a choice is alike, and the list of choices."""
    choices = list(choices)
    best = nearest(word, choices)
    listed = "choose from: " + ", ".join(choices)
    return f"did you mean {best!r}? ({listed})" if best else listed


class Registry(Generic[Item]):
    """Names of one kind and what they stand for, in the order of registration."""

    def __init__(
        self,
        kind: str,
        entries: Mapping[str, Item | str] | None = None,
        *,
        error: type[BabyLlamaError] = BabyLlamaError,
    ) -> None:
        """`kind` is what a message calls such a thing ("model type"); an entry that is text is a lazy `module:name`."""
        self.kind, self.error = kind, error
        self._entries: dict[str, Item | str] = dict(entries or {})

    def register(self, name: str, item: Item | str | None = None) -> Callable[[Item], Item]:
        """Enter `item` as `name`; without an item, a decorator that does so. A later entry replaces an earlier one."""

        def enter(found: Item) -> Item:
            self._entries[name] = found
            return found

        if item is not None:
            self._entries[name] = item
        return enter

    def get(self, name: str) -> Item:
        """What `name` stands for; `self.error` with a suggestion when it is unknown."""
        if name not in self._entries:
            raise self.error(f"unknown {self.kind} {name!r}; {suggestion(name, self._entries)}.")
        item = self._entries[name]
        if isinstance(item, str):
            module, _, attribute = item.partition(":")
            item = self._entries[name] = cast(Item, getattr(import_module(module), attribute))
        return item

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Within the block entries may be added or replaced; afterwards the table is what it was."""
        before = dict(self._entries)
        try:
            yield
        finally:
            self._entries = before

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def items(self) -> Iterator[tuple[str, Item]]:
        """Every name with what it stands for."""
        return ((name, self.get(name)) for name in self._entries)
