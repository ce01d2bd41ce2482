"""The kinds of things a report shows; each renderer draws every kind. Tables are those of `babyllama.evaluation.results`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from babyllama.evaluation.results import Table


@dataclass(frozen=True)
class Line:
    """One curve. Points without a value are left out before."""

    run: int
    """Number of the run, which gives the colour."""
    name: str
    """What it is called at its end."""
    x: Mapping[str, Sequence[float]]
    """For each axis of the chart the places of the points."""
    y: Sequence[float]
    dots: bool = False
    """Are the points measured one by one, so that each is marked?"""
    faint: bool = False
    """Does it stay behind the others: a part of what another line stands for?"""
    intervals: Sequence[tuple[float, float]] = ()
    """(low, high) of each point, where known."""


@dataclass(frozen=True)
class LineChart:
    """Curves over a choice of axes."""

    title: str
    alt: str
    """What it shows, in words, with the numbers that matter."""
    y_label: str
    axes: Mapping[str, str]
    """Key of each axis -> its label; the first is shown first."""
    lines: Sequence[Line]
    reference: tuple[str, float] | None = None
    """A horizontal line and what it is called: chance."""
    log_x: bool = False
    half: bool = False
    """Is it shown at half the width, beside another one?"""


@dataclass(frozen=True)
class Dots:
    """Numbers with names, of one run."""

    run: int
    name: str
    values: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class DotChart:
    """One row for each name with a dot (and its interval) for each run, in the order of `rows`."""

    title: str
    alt: str
    label: str
    """What the numbers are."""
    rows: Sequence[str]
    dots: Sequence[Dots]
    reference: tuple[str, float] | None = None
    bold: frozenset[str] = frozenset()
    """Rows that stand for all others."""


@dataclass(frozen=True)
class Shares:
    """Parts of a whole, one bar for each run."""

    title: str
    alt: str
    bars: Sequence[tuple[str, Mapping[str, float]]]
    """(run, {part: share of 1})"""


@dataclass(frozen=True)
class Heat:
    """Rows by models, coloured by how far a number is from `middle`, which is white."""

    title: str
    alt: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[float | None]]]
    middle: float
    reach: float
    """Distance from the middle at which a colour is full."""
    mean: tuple[str, Sequence[float | None]]
    """The row that stands for all others."""


@dataclass(frozen=True)
class Samples:
    """What models wrote."""

    title: str
    texts: Sequence[tuple[str, str]]
    """(prompt, its continuation)"""


@dataclass(frozen=True)
class Tile:
    """One number that stands for itself."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Tiles:
    """The numbers one looks at first."""

    tiles: Sequence[Tile]


@dataclass(frozen=True)
class Note:
    """A sentence."""

    text: str


@dataclass(frozen=True)
class Source:
    """A text file as it is."""

    title: str
    text: str


@dataclass(frozen=True)
class Folded:
    """Blocks that are shown when they are asked for."""

    title: str
    blocks: Sequence[Block]


Block = Table | LineChart | DotChart | Shares | Heat | Samples | Tiles | Note | Source | Folded


@dataclass(frozen=True)
class Section:
    """A titled part of a report; sections may hold sections, which have titles of their own."""

    anchor: str
    title: str
    blocks: Sequence[Block]
    parts: Sequence[Section] = ()


@dataclass(frozen=True)
class Report:
    """Everything on one page."""

    title: str
    subtitle: str
    runs: Sequence[str]
    """Names of the runs, each of its own; the number of a run is its place here."""
    sections: Sequence[Section]
    problems: Sequence[str] = ()
    """What is missing or damaged, one line each."""

    @property
    def problems_title(self) -> str:
        """How much of it there is."""
        count = len(self.problems)
        return "1 thing is missing or damaged" if count == 1 else f"{count} things are missing or damaged"
