"""Questions with several answers, one of which is right: what the model reads of each, and from which character on it is scored."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property

from babyllama.artifacts import fingerprint_value


@dataclass(frozen=True)
class Option:
    """One answer."""

    text: str
    """All that the model reads."""
    scored_from: int = 0
    """Character of `text` where the completion begins; tokens that end beyond it are scored."""
    prediction: str | None = None
    """What the predictions file says when it is chosen; None: the completion."""

    @classmethod
    def after(cls, prefix: str, completion: str, prediction: str | None = None) -> Option:
        """`completion` scored given `prefix`."""
        return cls(prefix + completion, len(prefix), prediction)

    @property
    def predicted(self) -> str:
        """The text of a prediction, white space and all: the leaderboard compares it."""
        return self.text[self.scored_from :] if self.prediction is None else self.prediction


@dataclass(frozen=True)
class Choice:
    """A question."""

    uid: str
    """The group that it is counted in."""
    options: tuple[Option, ...]
    label: int = 0
    """Number of the right option."""
    file: str = ""
    """Groups of one file are averaged first; all of the same, where there is but one kind of average."""
    human: float | None = None
    """Share of people that gave the first answer, where answers are compared with theirs."""


@dataclass(frozen=True)
class ChoiceSet:
    """Questions under one name."""

    name: str
    items: list[Choice]
    source: str
    """Folder or files they come from."""
    expected: dict[str, int] | None = None
    """Items of each UID in the whole published set, where that is known."""

    @property
    def uids(self) -> list[str]:
        """UIDs in order of appearance."""
        return list(dict.fromkeys(item.uid for item in self.items))

    @cached_property
    def fingerprint(self) -> str:
        """Of everything that is scored."""
        return fingerprint_value([asdict(item) for item in self.items])
