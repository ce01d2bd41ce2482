"""A page as one HTML file that needs nothing else: no network, no server.

Templates, style and scripts are the files in `page/`. Everything that users wrote is escaped by the templates; as a second
wall the page's own policy lets no other script run than those in `page/`, and nothing be loaded.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama.artifacts import write_text
from babyllama.evaluation.results import Table
from babyllama.reporting.views.base import Block, DotChart, Folded, LineChart, Report, Section

if TYPE_CHECKING:
    from jinja2 import Environment
GENERATOR = '<meta name="generator" content="babyllama">'
"""What tells a page of ours, which may be written anew, from any other."""
PAGE = Path(__file__).with_name("page")
_SCRIPTS = ("page.js", "tables.js", "lines.js", "dots.js")
_NUMBER = re.compile(r"[-+]?(\d[\d,]*\.?\d*|\.\d+)(e[-+]?\d+)?( ?%| [kMG]?B)?(-\d.*)?|\d+:\d\d(:\d\d)?|-|")
_ROWS_TO_FILTER = 14


def write_report(report: Report, output: Path, *, refresh: int | None = None) -> None:
    """Write `report` as the file `output`; an open page loads itself again every `refresh` seconds."""
    charts = {anchor_of(block): chart_data(block) for block in _charts(report.sections)}
    data = {"runs": list(report.runs), "charts": charts}
    write_page(output, "report.html", _SCRIPTS, data, report=report, refresh=refresh, subtitle=report.subtitle)


def write_page(output: Path, template: str, scripts: Sequence[str], data: Any, **values: Any) -> None:
    """Fill `template` with `values` and write it; its `scripts` find `data` in the element `data`."""
    script = "\n".join((PAGE / name).read_text(encoding="utf-8") for name in scripts)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    style = (PAGE / "page.css").read_text(encoding="utf-8")
    page = (
        _environment()
        .get_template(template)
        .render(
            generator=GENERATOR,
            style=style,
            script=script,
            policy=policy,
            data=_json(data),
            **{"refresh": None, **values},
        )
    )
    # Half a character (a file name that is no UTF-8) is spelled out.
    write_text(output, page.encode("utf-8", "backslashreplace").decode())


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(kind=kind_of, layout=layout, anchor=anchor_of, longest=longest_word)
    return environment


def _json(value: Any) -> str:
    """JSON for a script element: nothing in it can end the element."""
    text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _plain(value: Any) -> Any:
    """`value` of what JSON has: no sets, and null for what is no number."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, frozenset):
        return sorted(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def kind_of(block: Block) -> str:
    """Which macro draws it."""
    return type(block).__name__


def longest_word(text: str) -> int:
    """Characters of the longest part of `text` that cannot be broken at white space."""
    return max(map(len, text.split()), default=0)


def anchor_of(block: Block) -> str:
    """The element of a chart: what is drawn twice has one name."""
    return "chart-" + hashlib.sha256(repr(block).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def chart_data(block: LineChart | DotChart) -> dict[str, Any]:
    """What a script draws a chart from."""
    return asdict(block)


def _charts(sections: Sequence[Section]) -> Iterator[LineChart | DotChart]:
    for section in sections:
        yield from _of_blocks(section.blocks)
        yield from _charts(section.parts)


def _of_blocks(blocks: Sequence[Block]) -> Iterator[LineChart | DotChart]:
    for block in blocks:
        if isinstance(block, Folded):
            yield from _of_blocks(block.blocks)
        elif isinstance(block, LineChart | DotChart):
            yield block


def layout(table: Table) -> dict[str, Any]:
    """How a table stands on the page: which columns are numbers, how deep names are indented, whether the end is a sum."""
    cells = list(zip(*(row[1:] for row in table.rows), strict=True)) if table.rows else []
    numeric = [any(column) and all(_NUMBER.fullmatch(cell.strip()) for cell in column) for column in cells]
    last = len(table.rows) - 1
    total = table.bold == frozenset({last}) and last > 1
    rows = [
        {
            "name": row[0].strip(),
            "indent": (len(row[0]) - len(row[0].lstrip(" "))) // 2,
            "cells": list(row[1:]),
            "bold": number in table.bold,
        }
        for number, row in enumerate(table.rows)
    ]
    return {
        "numeric": numeric or [False] * len(table.columns),
        "headed": any(heading.strip() for heading in table.columns),
        "rows": rows[:-1] if total else rows,
        "total": rows[-1] if total else None,
        "filtered": len(rows) > _ROWS_TO_FILTER,
    }
