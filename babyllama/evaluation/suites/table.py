"""A suite's report as tables: the leaderboard's columns with floors, intervals and ties, and models side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from babyllama.evaluation.pair_tables import model_headings
from babyllama.evaluation.results import Table
from babyllama.evaluation.suites.runner import GROUPS, Cell, SuiteReport


def report_tables(report: SuiteReport) -> list[Table]:
    """One model: a row for each column of the board, then its averages; what is missing, and why."""
    rows: list[Sequence[str]] = [_row(cell) for cell in report.cells]
    bold = set()
    for group in GROUPS:
        there, of = report.complete(group)
        if not of or (group == "Human-like" and not there):
            continue
        bold.add(len(rows))
        rows.append((group, _number(report.average(group)), "", f"{there} of {of}", "", "", ""))
    below = []
    if any(cell.is_part for cell in report.cells):
        below.append("* a part of the published items")
    if not report.fast:
        zeros = ", ".join(f"{group} {_number(report.board(group))}" for group in GROUPS if report.complete(group)[1])
        if report.complete("Overall")[0] < report.complete("Overall")[1]:
            below.append(f"with 0 for each missing column: {zeros}")
        if report.suite.averages_note:
            below.append(f"averages: {report.suite.averages_note}")
    reading = next((cell.result for cell in report.cells if cell.column.name == "reading" and cell.result), None)
    if reading is not None:
        ways = ((way, reading.numbers[way]) for way in ("official", "correct"))
        shown = "; ".join(
            f"{way} {found['mean']:.2f} (eye tracking {found['eye_tracking']:.2f}, self-paced {found['self_paced']:.2f})"
            for way, found in ways
        )
        below.append(f"reading, by scorer: {shown}")
    below += [f"missing: {cell.column.title}: {cell.missing}" for cell in report.cells if cell.missing]
    name = f"{report.suite.title}, {'fast set' if report.fast else 'full set'}: {report.model}"
    columns = ("score", "95 % interval", "items", "ties", "random", "word frequency")
    return [Table(name, columns, rows, frozenset(bold), below=below)]


def side_by_side(reports: Sequence[SuiteReport]) -> list[Table]:
    """Several models of one suite, a column each; full and fast sets in tables of their own."""
    tables = []
    for fast in (True, False):
        group = [report for report in reports if report.fast == fast]
        if len(group) < 2:
            continue
        names = list(dict.fromkeys(cell.column.name for report in group for cell in report.cells))
        found = [{cell.column.name: cell for cell in report.cells} for report in group]
        rows: list[Sequence[str]] = []
        for name in names:
            cells = [one.get(name) for one in found]
            title = next(cell.column.title for cell in cells if cell is not None)
            rows.append((title, *(_number(cell.score.value if cell and cell.score else None) for cell in cells)))
        rows += [
            (
                f"{one}, {_columns(report.complete(one) for report in group)}",
                *(_number(report.average(one)) for report in group),
            )
            for one in GROUPS
        ]
        title = f"{group[0].suite.title}, {'fast set' if fast else 'full set'}"
        bold = frozenset(range(len(names), len(rows)))
        reasons = dict.fromkeys(
            f"missing: {cell.column.title}: {cell.missing}" for report in group for cell in report.cells if cell.missing
        )
        tables.append(
            Table(title, model_headings([report.model for report in group]), rows, bold, below=tuple(reasons))
        )
    return tables


def _columns(counts: Iterable[tuple[int, int]]) -> str:
    """`4 of 7`; of models that have different numbers `3-4 of 7`."""
    found = list(counts)
    there = sorted({have for have, _ in found})
    return f"{'-'.join(map(str, {there[0]: 0, there[-1]: 0}))} of {found[0][1]}"


def _row(cell: Cell) -> Sequence[str]:
    score = cell.score
    if score is None:
        return cell.column.title, "-", "", "", "", "", ""
    interval = "" if score.low is None or score.high is None else f"{score.low:.1f} to {score.high:.1f}"
    items = f"{score.items:,}{'*' if cell.is_part else ''}"
    chance = cell.column.random if cell.column.random is not None else score.chance
    return (
        cell.column.title,
        _number(score.value),
        interval,
        items,
        str(score.ties),
        _number(chance, 1),
        _number(cell.frequency, 1),
    )


def _number(value: float | None, places: int = 2) -> str:
    return "-" if value is None else f"{value:.{places}f}"
