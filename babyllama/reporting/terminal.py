"""Tables on a terminal: one line a row, nothing torn, whatever its width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from babyllama import console
from babyllama.evaluation.results import Table
from babyllama.reporting.views.base import Block, DotChart, Heat, LineChart, Note, Report, Samples, Shares
from babyllama.text import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_GAP = 2
_SHORTEST_NAME = 12


def print_tables(tables: Iterable[Table], out: Console | None = None) -> None:
    """Print tables on standard output (or `out`); one that is too wide in several blocks of its columns."""
    from rich.text import Text

    out = out or console.results()
    for table in tables:
        out.print(Text(one_line(table.title), style="bold"))
        for line in table.above:
            out.print(Text(one_line(line)))
        if table.rows:
            for block in _blocks(table, out.width):
                out.print(
                    Text("\n").join(_lines(table, block, out.width)), no_wrap=True, overflow="ellipsis", crop=True
                )
        for line in table.below:
            out.print(Text(one_line(line)))
        out.print()


def print_heading(name: str, out: Console | None = None) -> None:
    """A rule with a model's name."""
    from rich.text import Text

    (out or console.results()).rule(Text(one_line(name)), align="left")


def _widths(table: Table) -> list[int]:
    """Of every column, the names' first."""
    columns = [[one_line(row[index]) for row in table.rows] for index in range(len(table.columns) + 1)]
    headings = ["", *map(one_line, table.columns)]
    return [max(map(len, (heading, *cells))) for heading, cells in zip(headings, columns, strict=True)]


def _blocks(table: Table, width: int) -> list[Sequence[int]]:
    """The numbers of the columns that fit beside the names, block by block."""
    name, *cells = _widths(table)
    widest = max(cells, default=0)
    left = width - min(name, max(_SHORTEST_NAME, width - widest - _GAP))
    blocks: list[list[int]] = [[]]
    used = 0
    for index, size in enumerate(cells, 1):
        if blocks[-1] and used + size + _GAP > left:
            blocks.append([])
            used = 0
        blocks[-1].append(index)
        used += size + _GAP
    return list(blocks)


def _lines(table: Table, block: Sequence[int], width: int) -> list[Text]:
    from rich.text import Text

    widths = _widths(table)
    room = width - sum(widths[index] + _GAP for index in block)
    name = min(widths[0], max(_SHORTEST_NAME, room))
    lines = []
    for number, row in enumerate([("", *table.columns), *table.rows], -1):
        label = one_line(row[0])
        shown = label if len(label) <= name else label[: name - 1] + "…"
        text = shown.ljust(name) + "".join(one_line(row[index]).rjust(widths[index] + _GAP) for index in block)
        lines.append(Text(text.rstrip(), style="bold" if number < 0 or number in table.bold else ""))
    return lines


def print_report(report: Report, out: Console | None = None) -> None:
    """A report on a terminal: its tables, and its charts in words."""
    from rich.text import Text

    out = out or console.results()
    for problem in report.problems:
        out.print(Text(one_line(problem)), style="dim")
    for section in report.sections:
        print_heading(section.title, out)
        for part in (section, *section.parts):
            _print_blocks(part.blocks, out)


def _print_blocks(blocks: Sequence[Block], out: Console) -> None:
    from rich.text import Text

    for block in blocks:
        if isinstance(block, Table):
            print_tables([block], out)
        elif isinstance(block, Heat):
            numbers = [
                (name, *("-" if one is None else f"{one:.1f}" for one in row))
                for name, row in (*block.rows, block.mean)
            ]
            print_tables([Table(block.title, block.columns, numbers, frozenset({len(numbers) - 1}))], out)
        elif isinstance(block, LineChart | DotChart | Shares):
            out.print(Text(one_line(block.alt)))
            out.print()
        elif isinstance(block, Note):
            out.print(Text(one_line(block.text)))
            out.print()
        elif isinstance(block, Samples):
            for prompt, text in block.texts:
                out.print(Text(f"  {one_line(prompt)}{one_line(text)}"))
            out.print()
