"""Pictures of evaluations: models side by side, learning curves over checkpoints, and one model's sheet of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama.evaluation.results import Bars, Result
from babyllama.reporting.figures import (
    GREY,
    dot_figure,
    heat_figure,
    line_figure,
    new_figure,
    plain,
    save_figure,
    styled,
)
from babyllama.reporting.views.learning import Points, points_chart
from babyllama.reporting.views.learning import learning_points as points_of
from babyllama.reporting.views.reading import read_runs
from babyllama.reporting.views.scores import ablation_chart, heat
from babyllama.runs import RunPaths, result_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_heat_maps(parts: Iterable[tuple[type[Result], str, Any]], folder: Path) -> list[Path]:
    """For everything in a comparison (`compared_parts`) that has them: a heat map, and of three models or more how far each is
    from the first."""
    drawn = []
    for kind, key, compared in parts:
        columns = kind.heat_map(key, compared)
        if columns:
            drawn.append(save_figure(heat_map(columns), folder / f"{result_name(key, 'comparison')}.png"))
        differences = kind.differences(key, compared)
        if len(differences) > 1:
            chart = ablation_chart(key, differences)
            drawn.append(save_figure(dot_figure(chart), folder / f"{result_name(key, 'differences')}.png"))
    return drawn


def heat_map(columns: Sequence[Bars]) -> Figure:
    """Groups (rows) by model (columns), the mean below; white is chance. A title's last line names the model."""
    return heat_figure(heat("", columns))


def draw_learning_curves(paths: RunPaths) -> list[Path]:
    """What at least two checkpoints of the run were evaluated on, over words seen."""
    drawn = []
    for name, points in learning_points(paths).items():
        if len(points) > 1:
            drawn.append(save_figure(learning_curve(points), paths.plots / f"{name}_learning_curve.png"))
    return drawn


def learning_points(paths: RunPaths) -> dict[str, Points]:
    """Name of a result -> (words seen, its bars) of each evaluated checkpoint and of the final model, in order."""
    (reading,) = read_runs([paths.root])
    return points_of(reading.checkpoint_results + reading.results)


def learning_curve(points: Points) -> Figure:
    """Every group over words seen (logarithmic), the number that stands for all in bold, with its interval."""
    return line_figure(points_chart(points[-1][1].title, ["run"], {0: points}))


@styled
def metrics_sheet(title: str, results: Mapping[str, Any]) -> Figure:
    """One page for one model: its minimal pairs by term, and the other numbers as text beside them.

    `results` is the "results" of `run_evaluations`, or any flat dict of numbers.
    """
    pairs = next((value for value in results.values() if isinstance(value, Mapping) and "terms" in value), None)
    lines = list(_number_lines(results))
    figure, axes = new_figure(9.5, max(3.2, 0.24 * len(lines) + 1.0, 0.3 * len(pairs["terms"]) + 1.2 if pairs else 0.0))
    if pairs is None:
        axes.set_axis_off()
        axes.text(0.02, 0.98, "\n".join(lines), va="top", family="monospace", fontsize=9, transform=axes.transAxes)
    else:
        rows = sorted(((100 * row["accuracy"], term) for term, row in pairs["terms"].items()), key=lambda row: row[0])
        colours = ["C0" if value >= 50 else "C1" for value, _ in rows]
        axes.barh(
            [term.replace("_", " ") for _, term in rows], [value for value, _ in rows], color=colours, height=0.65
        )
        axes.axvline(50, color=GREY, linestyle="--", linewidth=1)
        axes.set_xlim(0, 100)
        axes.set_xlabel("accuracy, % (dashed: chance)")
        axes.text(1.04, 1.0, "\n".join(lines), va="top", family="monospace", fontsize=9, transform=axes.transAxes)
    axes.set_title(plain(title), loc="left")
    return figure


def _number_lines(results: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Every number of `results`, nested ones under their task's name, without what the bars already show."""
    hidden = {"paradigms", "terms", "fields", "length_bias", "scoring", "sampling", "samples", "domains", "items"}
    lines = []
    for key, value in results.items():
        if isinstance(value, Mapping):
            if key not in hidden:
                lines += ["", f"{key}:", *_number_lines(value, "  ")]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            shown = f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
            lines.append(f"{prefix}{key.replace('_', ' ')}: {shown}")
    return lines[1:] if lines and not lines[0] else lines
