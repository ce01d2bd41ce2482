"""The results of a study as one table (terminal, CSV, JSON, Markdown) with its comparisons and plots."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from babyllama import console
from babyllama.artifacts import write_json, write_text
from babyllama.evaluation.pair_comparison import LEVEL
from babyllama.evaluation.results import Table
from babyllama.studies.comparison import Difference, compare_points, least_p
from babyllama.studies.design import Study, StudyRun
from babyllama.studies.plots import draw_study
from babyllama.studies.power_law import PowerLaw, fit_power_law
from babyllama.studies.results import LOSS, PointResult, gather, measure_names
from babyllama.studies.state import StudyState
from babyllama.text import code, csv_cell, duration, markdown, markdown_table, short_count

COUNTS = ("parameters", "tokens seen", "tokens per second", "peak memory, MB")
"""Measures shown short, without a spread."""


LEFT_OUT = ("training loss", "peak memory, MB")
"""Measures that only the files show."""


@dataclass(frozen=True)
class StudyReport:
    """A study's results, ready to show."""

    study: Study
    points: list[PointResult]
    differences: list[Difference]
    law: PowerLaw | None
    failures: dict[str, str]
    missing: int
    """Runs that are not there (yet)."""
    notes: list[str] = field(default_factory=list)

    @property
    def measures(self) -> list[str]:
        """Every number that some run has."""
        return measure_names(self.points)

    @property
    def columns(self) -> list[str]:
        """Those of the table."""
        return [name for name in self.measures if name not in LEFT_OUT]

    def tables(self) -> list[Table]:
        """Everything, for a terminal."""
        found = [self.table()]
        if self.differences:
            found.append(self.comparison())
        if self.notes:
            found.append(Table("notes", (), [], below=self.notes))
        return found

    def table(self) -> Table:
        """A row for each point: mean and spread over its seeds."""
        columns = ["seeds", *self.columns]
        rows = [
            [
                one.point.label if self.study.section.search != "random" and not self.study.adaptive else _levels(one),
                str(len(one.runs)),
                *(shown(one, measure) for measure in self.columns),
            ]
            for one in self.points
        ]
        below = [f"failed: {name}: {why}" for name, why in self.failures.items()]
        below += [f"{self.missing} runs of the study are not made"] if self.missing else []
        return Table(f"{self.study.section.name}: mean ± standard deviation over seeds", columns, rows, below=below)

    def comparison(self) -> Table:
        """Every point against the reference on the same minimal pairs."""
        columns = ("accuracy", "difference", "95 % interval", "p over seeds", "p over items", "p corrected", "items")
        rows, bold = [], set()
        for number, one in enumerate(self.differences):
            name = f"{one.point}, {one.paradigm or one.pairs}"
            rows.append(
                [
                    name,
                    f"{100 * one.accuracy[1]:.2f}",
                    f"{100 * one.difference:+.2f}",
                    f"{100 * one.low:+.2f} to {100 * one.high:+.2f}",
                    *map(probability, (one.p_seeds, one.p_items, one.p_corrected)),
                    f"{one.items:,}",
                ]
            )
            if one.p_corrected < LEVEL:
                bold.add(number)
        first = self.differences[0]
        least = max(least_p(*one.seeds) for one in self.differences)
        below = [
            "accuracies in per cent; p over seeds and over items by permutation, the larger one corrected (Holm) for all comparisons "
            "of its kind; the interval draws seeds and items anew"
        ]
        if 1 in {count for one in self.differences for count in one.seeds}:
            below.append("of a point with one seed the interval knows the items alone: another seed may lie outside it")
        if least >= LEVEL:
            below.append(
                f"with {' and '.join(map(str, first.seeds))} seeds p over seeds cannot fall below {least:.2g}: more seeds are needed to "
                "tell a recipe from its seeds (four of each give 0.029)"
            )
        title = f"against {first.reference} ({100 * first.accuracy[0]:.2f} % on {first.pairs}), on the same items"
        return Table(title, columns, rows, bold=frozenset(bold), below=below)

    def value(self) -> dict[str, Any]:
        """Everything as JSON."""
        return {
            "study": self.study.section.name,
            "points": [
                {
                    "point": one.point.label,
                    "levels": one.point.levels,
                    "settings": one.point.settings,
                    "seeds": [run.run.seed for run in one.runs],
                    "measures": {m: asdict(spread) for m in self.measures if (spread := one.spread(m)) is not None},
                    "runs": {run.run.name: run.measures for run in one.runs},
                }
                for one in self.points
            ],
            "differences": [asdict(one) | {"difference": one.difference} for one in self.differences],
            "power_law": None if self.law is None else {k: v for k, v in asdict(self.law).items() if k[0] != "_"},
            "failures": self.failures,
            "runs_not_made": self.missing,
            "notes": self.notes,
        }

    def csv(self) -> str:
        """A row for each run."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        factors = self.study.factors
        writer.writerow(["run", "seed", *map(csv_cell, factors), *self.measures])
        for point in self.points:
            levels = [csv_cell(str(point.point.levels.get(name, ""))) for name in factors]
            for one in point.runs:
                numbers = [one.measures.get(measure, "") for measure in self.measures]
                writer.writerow([one.run.name, one.run.seed, *levels, *numbers])
        return text.getvalue()

    def markdown(self, pictures: Sequence[Path]) -> str:
        """A page with tables and pictures."""
        parts = [f"# {markdown(self.study.section.name)}"]
        for table in self.tables():
            parts.append(_markdown_table(table))
        parts += [f"![{markdown(one.stem)}](plots/{one.name})" for one in pictures]
        return "\n\n".join(parts) + "\n"


def make_report(study: Study, finished: Sequence[StudyRun], expected: int) -> StudyReport:
    """The results of the `finished` runs of `study`, of which there will be `expected`."""
    points = gather(finished)
    labels = [one.point.label for one in points]
    reference = study.section.reference or (labels[0] if labels else "")
    differences = compare_points(points, reference, study.section.paradigms)
    runs = [run for one in points for run in one.runs if {LOSS, "parameters"} <= set(run.measures)]
    law = fit_power_law([r.measures["parameters"] for r in runs], [r.measures[LOSS] for r in runs]) if runs else None
    law = law if study.section.power_law else None
    notes = []
    if study.section.power_law:
        notes += [law.text(), *law.warnings()] if law else ["no power law: it needs runs of at least two sizes"]
    made = {run.name for run in finished}
    failures = {name: why for name, why in StudyState.load(study.folder).failures.items() if name not in made}
    return StudyReport(study, points, differences, law, failures, max(0, expected - len(finished)), notes)


def write_report(report: StudyReport) -> list[Path]:
    """Write results.csv, results.json, results.md and the plots into the study's folder; the files."""
    folder = report.study.folder
    pictures = draw_study(report.study.factors, report.points, report.law, folder / "plots") if report.points else []
    write_text(folder / "results.csv", report.csv())
    write_json(folder / "results.json", _finite(report.value()))
    write_text(folder / "results.md", report.markdown(pictures))
    return [folder / f"results.{kind}" for kind in ("md", "csv", "json")] + pictures


def show_report(report: StudyReport) -> None:
    """Print the tables."""
    from babyllama.reporting.terminal import print_tables

    if not report.points:
        console.say("no run of the study is finished")
    print_tables(report.tables())


def shown(point: PointResult, measure: str) -> str:
    """A measure of a point in a cell."""
    spread = point.spread(measure)
    if spread is None:
        return "-"
    if measure in COUNTS:
        return short_count(spread.mean)
    if measure == "training seconds":
        return duration(spread.mean)
    return spread.text(2 if spread.mean >= 10 else 4)


def probability(p: float) -> str:
    """A p-value in a cell."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _levels(one: PointResult) -> str:
    return f"{one.point.label}: " + ", ".join(
        f"{name.split('.')[-1]} {value}" for name, value in one.point.levels.items()
    )


def _markdown_table(table: Table) -> str:
    lines = [f"**{markdown(table.title)}**", *map(markdown, table.above)]
    if table.rows:
        rows = []
        for number, row in enumerate(table.rows):
            cells = [code(row[0]), *map(markdown, row[1:])]
            rows.append([f"**{cell}**" if number in table.bold else cell for cell in cells])
        lines.append(markdown_table(["", *table.columns], rows, "--:"))
    return "\n\n".join([*lines, *map(markdown, table.below)])


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
