"""How rules between keys are declared and asked: each names the keys it reads, so that it is silent where one is broken."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from babyllama.config.sections import Config

Finding = tuple[str, str]
"""(dotted key, broken rule)"""
Rule = Callable[[Config], Iterator[Finding]]


class Rules:
    """Rules on one subject, in order."""

    def __init__(self) -> None:
        self._rules: list[tuple[tuple[str, ...], Rule]] = []

    def on(self, *keys: str) -> Callable[[Rule], Rule]:
        """A rule that reads `keys`."""

        def enter(rule: Rule) -> Rule:
            self._rules.append((keys, rule))
            return rule

        return enter

    def broken(self, config: Config, mistakes: Collection[str]) -> Iterator[Finding]:
        """Every rule that `config` breaks, but for rules on keys that are `mistakes` by themselves."""
        for keys, rule in self._rules:
            if any(_inside(key, mistake) for key in keys for mistake in mistakes):
                continue
            for key, text in rule(config):
                if not any(_inside(mistake, key) for mistake in mistakes):
                    yield key, text


def _inside(key: str, other: str) -> bool:
    """Is `key` the key `other`, or one below it?"""
    return key == other or key.startswith((f"{other}.", f"{other}["))
