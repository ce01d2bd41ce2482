"""What a mix came out as, for people: one table per text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class MixReport:
    """A finished mix and what is in it."""

    folder: Path
    train: Path
    dev: Path | None
    unit: str
    """What the shares are counted in."""
    sources: Sequence[Mapping[str, Any]]
    """Per source of the training text: name, domains, documents, units, bytes, words, sentences, taken, share, ..."""
    dev_sources: Sequence[Mapping[str, Any]]
    overlap: float | None
    """Part of the held-out text's different word 8-grams that occur in the training text."""
    reused: bool
    reason: str | None
    """Why the mix was made anew; None when it was reused."""

    @property
    def bytes(self) -> int:
        """UTF-8 bytes of the training units, without separators."""
        return sum(row["bytes"] for row in self.sources)

    @property
    def words(self) -> int:
        """Words of the training units."""
        return sum(row["words"] for row in self.sources)

    def table(self) -> str:
        """The report as text."""
        lines = [f"{self.train} ({'reused' if self.reused else 'written'})", *_table(self.sources, self.unit)]
        if self.dev:
            lines += ["", str(self.dev), *_table(self.dev_sources, self.unit)]
            lines += [f"{self.overlap or 0:.2%} of its different word 8-grams occur in the training text"]
        return "\n".join(lines)


def _edit_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was left out and replaced, over all that was read of the sources."""
    edited = [row["edits"] for row in rows if "edits" in row]
    if not edited:
        return []
    sentences = sum(one["sentences"] for one in edited)
    lines = []
    for number, first in enumerate(edited[0]["left_out"]):
        count = sum(one["left_out"][number]["sentences"] for one in edited)
        lines.append(
            f"{first['filter']}: {count:,} of {sentences:,} sentences left out ({count / (sentences or 1):.2%})"
        )
    for number, first in enumerate(edited[0]["replaced"]):
        count = sum(one["replaced"][number]["matches"] for one in edited)
        lines.append(f"replace {first['pattern']}: {count:,} matches replaced")
    return lines


_COLUMNS = (
    "source",
    "domain",
    "documents",
    "units",
    "bytes",
    "words",
    "sentences",
    "share",
    "cleaned away",
    "duplicates",
)


def _table(rows: Sequence[Mapping[str, Any]], unit: str) -> list[str]:
    total = sum(row["taken"] for row in rows) or 1
    numbers = ("documents", "units", "bytes", "words", "sentences")
    cells = [
        [
            row["name"],
            ", ".join(row["domains"]),
            *(f"{row[name]:,}" for name in numbers),
            f"{row['taken'] / total:.2%}",
            f"{row['removed']['characters'] / (row['read_characters'] or 1):.2%}",
            f"{row['removed']['duplicates']:,}",
        ]
        for row in rows
    ]
    sums = [f"{sum(row[name] for row in rows):,}" for name in numbers]
    duplicates = f"{sum(row['removed']['duplicates'] for row in rows):,}"
    cells.append(["total", f"shares in {unit}", *sums, "100.00%", "", duplicates])
    widths = [max(len(row[column]) for row in [_COLUMNS, *cells]) for column in range(len(_COLUMNS))]
    return [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [_COLUMNS, *cells]
    ] + _edit_lines(rows)
