"""The order of a mix: who gives the next unit.

Every source has a share of the mix, in bytes, words or tokens. At each step the next unit comes from the source that
has given the smallest part of its share so far; ties go to the source named first. So after any number of steps no
source is ahead of another by more than one unit, whatever the lengths of their documents: every prefix of the mix is
itself a mix in the same proportions, and nothing about the order is left to chance.

A source stops before its share would be exceeded, hence less than one unit below it, or exactly on it when `exact` asks
for that: then the last unit is the beginning of one of the following units that has the missing length and ends with a
sentence, else with a word.

With a held-out part split off the same sources, each source has two shares, training and held-out. A whole document goes
to the share that has been given the smaller part of what it wants, so that the held-out text is spread over the source. Only a
document longer than what that share still takes goes on in the other share.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from babyllama.corpus.mixing.units import Unit, count_text

LOOK_AHEAD = 500
"""Units to look through for one whose beginning fits an exact share and ends with a sentence."""

COUNT_EVERY = 40
"""Units whose words and sentences are counted at a time."""

ExactCut = Callable[[bytes, int], tuple[bytes, int] | None]


class Short(Exception):
    """The source `number` ended before its share was full; it holds `total`."""

    def __init__(self, source: MixedSource) -> None:
        super().__init__(source.number)
        self.number = source.number
        self.total = source.drawn


@dataclass
class Share:
    """One source's part of the training text, or of the held-out text."""

    target: int
    """What it is to hold, in the unit that shares are counted in."""
    taken: int = 0
    documents: int = 0
    units: int = 0
    size: int = 0
    """UTF-8 bytes of the units."""
    words: int = 0
    sentences: int = 0
    _last_document: int = -1
    _uncounted: list[bytes] = field(default_factory=list)

    @property
    def progress(self) -> float:
        """The part of the share that was given so far."""
        return self.taken / self.target if self.target else 1.0

    @property
    def missing(self) -> int:
        """What the share still takes."""
        return self.target - self.taken

    def add(self, unit: Unit) -> None:
        """Count `unit` in."""
        self.taken += unit.size
        self.units += 1
        self.documents += unit.document != self._last_document
        self._last_document = unit.document
        self.size += len(unit.data)
        self._uncounted.append(unit.data)
        if len(self._uncounted) >= COUNT_EVERY:
            self.count()

    def count(self) -> None:
        """Bring `words` and `sentences` up to date; they are counted for many units at a time."""
        data = b"\n".join(self._uncounted)
        self._uncounted.clear()
        words, sentences = count_text(data)
        self.words += words
        self.sentences += sentences


@dataclass
class MixedSource:
    """A source while it is mixed."""

    number: int
    units: Iterator[Unit]
    shares: Sequence[Share]
    """The training share, then the held-out share if one is split off."""
    exact: ExactCut | None = None
    """Cuts the beginning of a text to an amount, for shares that must come out exactly."""
    drawn: int = 0
    """All that was read of the source so far."""
    _waiting: deque[Unit] = field(default_factory=deque)
    _open: list[int] = field(default_factory=list)
    _document: int = -1
    _share: int = -1

    def __post_init__(self) -> None:
        self._open = [number for number, share in enumerate(self.shares) if share.missing > 0]

    @property
    def progress(self) -> float:
        """The smallest progress of a share that is not full."""
        if len(self._open) == 1:
            return self.shares[self._open[0]].progress
        return min([self.shares[number].progress for number in self._open], default=1.0)

    def give(self) -> tuple[int, Unit] | None:
        """The next unit and the number of the share it goes to; None when the shares are full; `Short` when units end."""
        while self._open:
            unit = self._next()
            if unit is None:
                raise Short(self)
            number = self._open[0] if len(self._open) == 1 else self._share_for(unit)
            share = self.shares[number]
            missing = share.target - share.taken
            if unit.size >= missing:
                self._open.remove(number)
                last = unit if unit.size == missing else self._last_unit(share, unit)
                if last is None:
                    continue
                unit = last
            share.add(unit)
            return number, unit
        return None

    def _next(self) -> Unit | None:
        if self._waiting:
            return self._waiting.popleft()
        unit = next(self.units, None)
        if unit:
            self.drawn += unit.size
        return unit

    def _share_for(self, unit: Unit) -> int:
        """The share of the unit's document: the one that is further behind, but a document stays in its share."""
        if unit.document != self._document or self._share not in self._open:
            self._document = unit.document
            self._share = min(self._open, key=lambda number: self.shares[number].progress)
        return self._share

    def _last_unit(self, share: Share, unit: Unit) -> Unit | None:
        """What ends a share that `unit` exceeds; None ends it where it is. Units not used wait for the other share."""
        if self.exact is None:
            self._waiting.appendleft(unit)
            return None
        best: Unit | None = None
        grade = -1
        looked: list[Unit] = []
        while True:
            looked.append(unit)
            cut = self.exact(unit.data, share.missing) if unit.size >= share.missing else None
            if cut and cut[1] > grade:
                best, grade = unit._replace(data=cut[0], size=share.missing), cut[1]
            if grade == 2 or len(looked) >= LOOK_AHEAD:
                break
            following = self._next()
            if following is None:
                break
            unit = following
        if best is None:
            raise Short(self)
        self._waiting.extendleft(
            reversed([unit for unit in looked if (unit.document, unit.piece) != (best.document, best.piece)])
        )
        return best


def round_robin(sources: Sequence[MixedSource], *, stop_when_short: bool = False) -> Iterator[tuple[int, int, Unit]]:
    """Draw until every share is full: (number of the source, number of the share, unit), in the order described above.

    A source that ends too early raises `Short`, or ends the mix there when `stop_when_short`.
    """
    queue = [(source.progress, number) for number, source in enumerate(sources)]
    heapq.heapify(queue)
    while queue:
        _, number = heapq.heappop(queue)
        source = sources[number]
        try:
            given = source.give()
        except Short:
            if stop_when_short:
                return
            raise
        if given is not None:
            yield number, *given
            heapq.heappush(queue, (source.progress, number))


def divide(budget: int, weights: Sequence[float], caps: Sequence[int | None] | None = None) -> list[int]:
    """Whole shares of `budget` in proportion to `weights`; they sum to it, the first ones taking the remainder.

    A share above its cap is cut to it and what is left over goes to the others; when all are capped the shares sum to
    less than the budget.
    """
    limits = caps or [None] * len(weights)
    shares: dict[int, int] = {}
    while len(shares) < len(weights):
        open_ = [number for number in range(len(weights)) if number not in shares]
        rest = budget - sum(shares.values())
        total = sum(weights[number] for number in open_)
        exact = {number: rest * weights[number] / total for number in open_}
        capped = {number: limit for number in open_ if (limit := limits[number]) is not None and limit < exact[number]}
        if capped:
            shares |= capped
            continue
        floors = {number: int(share) for number, share in exact.items()}
        by_remainder = sorted(open_, key=lambda number: floors[number] - exact[number])
        for number in by_remainder[: rest - sum(floors.values())]:
            floors[number] += 1
        shares |= floors
    return [shares[number] for number in range(len(weights))]
