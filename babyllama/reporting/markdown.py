"""A report as Markdown, for a forge or a mail: tables as tables, charts as what they show in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from babyllama.evaluation.results import Table
from babyllama.reporting.views.base import (
    Block,
    DotChart,
    Folded,
    Heat,
    LineChart,
    Note,
    Report,
    Samples,
    Section,
    Shares,
    Source,
)
from babyllama.text import markdown, markdown_table, percent

MARK = "<!-- written by babyllama report; it is replaced when the command is run again -->"


def report_text(report: Report) -> str:
    """The whole report."""
    lines = [MARK, f"# {markdown(report.title)}", markdown(report.subtitle)]
    if report.problems:
        lines.append(
            f"{report.problems_title}:\n\n" + "\n".join(f"- {markdown(problem)}" for problem in report.problems)
        )
    for section in report.sections:
        lines += _section(section, 2)
    return "\n\n".join(lines) + "\n"


def _section(section: Section, depth: int) -> Iterator[str]:
    yield f"{'#' * depth} {markdown(section.title)}"
    for block in section.blocks:
        yield from _block(block)
    for part in section.parts:
        yield from _section(part, depth + 1)


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Table):
        yield f"**{markdown(block.title)}**"
        yield from (markdown(line) for line in block.above if line)
        if block.rows:
            yield _table(["", *block.columns], block.rows)
        yield from (markdown(line) for line in block.below if line)
    elif isinstance(block, Heat):
        rows = [(name, *map(_number, values)) for name, values in (*block.rows, block.mean)]
        yield f"**{markdown(block.title)}**"
        yield _table(["", *block.columns], rows)
    elif isinstance(block, Shares):
        parts = dict.fromkeys(part for _, shares in block.bars for part in shares)
        rows = [(part, *(percent(shares.get(part)) for _, shares in block.bars)) for part in parts]
        yield f"**{markdown(block.title)}, %**"
        yield _table(["", *(name for name, _ in block.bars)], rows)
    elif isinstance(block, LineChart | DotChart):
        yield markdown(block.alt)
    elif isinstance(block, Samples):
        yield f"**{markdown(block.title)}**"
        for prompt, text in block.texts:
            shown = "\n> ".join(markdown(line) for line in text.splitlines())
            yield f"> **{markdown(prompt)}**{shown}"
    elif isinstance(block, Note):
        yield markdown(block.text)
    elif isinstance(block, Folded) and not any(isinstance(inner, Source) for inner in block.blocks):
        for inner in block.blocks:
            yield from _block(inner)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    first, *others = [[markdown(cell.strip()) for cell in row] for row in (headings, *rows)]
    return markdown_table(first, others)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
