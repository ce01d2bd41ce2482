"""The pictures of a study: a plot for each factor, learning curves over tokens and over seconds, the power law."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from babyllama.reporting.figures import GREY, colour, new_figure, plain, save_figure, styled
from babyllama.reporting.views.curves import seconds
from babyllama.runs.rows import read_columns
from babyllama.studies.power_law import PowerLaw
from babyllama.studies.results import LOSS, PointResult, RunResult, measure_names
from babyllama.text import short_count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS, MEANS = "C0", "C1"
NOT_PLOTTED = ("training loss", "parameters", "tokens seen", "tokens per second", "peak memory, MB", "training seconds")
MOST_CURVES = 12
"""Points whose curves can be told apart."""


def draw_study(factors: Sequence[str], points: Sequence[PointResult], law: PowerLaw | None, folder: Path) -> list[Path]:
    """Draw all pictures of a study with those `factors` into `folder`."""
    drawn = []
    measures = [one for one in measure_names(points) if one not in NOT_PLOTTED] or [LOSS]
    for factor in factors:
        name = factor.replace(".", "-").replace("/", "-").replace(" ", "-")
        drawn.append(save_figure(factor_plot(points, factor, measures[:3]), folder / f"{name}.png"))
    if len(points) <= MOST_CURVES:
        for task in ("losses", *_tasks(points)):
            drawn.append(save_figure(curves(points, task), folder / f"curves-{task}.png"))
    if law is not None:
        drawn.append(save_figure(law_plot(points, law), folder / "power-law.png"))
    return drawn


@styled
def factor_plot(points: Sequence[PointResult], factor: str, measures: Sequence[str]) -> Figure:
    """Each measure by the levels of a factor: a dot for each run, the mean of each level marked."""
    levels = list(dict.fromkeys(_key(one.point.levels.get(factor)) for one in points))
    values = {_key(one.point.levels.get(factor)): one.point.levels.get(factor) for one in points}
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values.values())
    figure, first = new_figure(4.3 * len(measures), 3.8)
    figure.delaxes(first)
    for place, measure in enumerate(measures, 1):
        axes = figure.add_subplot(1, len(measures), place)
        means = []
        for index, level in enumerate(levels):
            value = values[level]
            at = float(value) if numbers and value is not None else float(index)
            found = [
                run.measures[measure]
                for one in points
                if _key(one.point.levels.get(factor)) == level
                for run in one.runs
                if measure in run.measures
            ]
            axes.plot([at] * len(found), found, "o", color=DOTS, alpha=0.55, markersize=5)
            if found:
                means.append((at, statistics.fmean(found)))
        means.sort()
        line = "-" if numbers else "none"
        axes.plot(
            [x for x, _ in means],
            [y for _, y in means],
            linestyle=line,
            marker="_",
            markersize=16,
            color=MEANS,
            mew=2,
        )
        if numbers and means and means[0][0] > 0 and means[-1][0] / means[0][0] >= 8:
            axes.set_xscale("log")
        if not numbers:
            axes.set_xticks(range(len(levels)), [plain(str(level)) for level in levels], rotation=20, ha="right")
            axes.margins(x=0.15)
        axes.set_ylabel(plain(measure))
        axes.set_xlabel(plain(factor))
        axes.grid(axis="y")
    return figure


@styled
def curves(points: Sequence[PointResult], task: str) -> Figure:
    """A learning curve of every run over tokens (left) and over seconds of training (right), one colour a point."""
    figure, first = new_figure(9.6, 4.2)
    figure.delaxes(first)
    panels = [figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)]
    label = "held-out block loss, nats per token" if task == "losses" else task
    for index, point in enumerate(points):
        ink = colour(index)
        for number, run in enumerate(point.runs):
            tokens, times, values, label = curve(run, task)
            name = point.point.label if number == 0 else None
            for axes, x in zip(panels, (tokens, times), strict=True):
                axes.plot(x, values, color=ink, alpha=0.8, marker="o", markersize=2.5, linewidth=1.2, label=name)
    for axes, what in zip(panels, ("tokens seen", "seconds of training"), strict=True):
        axes.set_xlabel(what)
        axes.grid(axis="y")
    panels[0].set_ylabel(plain(label))
    panels[0].xaxis.set_major_formatter(lambda value, _: short_count(value))
    panels[0].legend(frameon=False, fontsize=8)
    return figure


def curve(run: RunResult, task: str) -> tuple[list[float], list[float], list[float], str]:
    """(tokens seen, seconds of training, values, what they are) of the held-out loss, or of a task's curve."""
    losses = run.facts.losses
    if task == "losses":
        columns, column, label, scale = losses, "eval_loss", "held-out block loss, nats per token", 1.0
    else:
        columns = read_columns(run.facts.paths.curve(task))
        names = [name for name in columns if name not in ("step", "words_seen", "tokens_seen", "pairs")]
        column = "accuracy" if "accuracy" in names else names[0] if names else ""
        label, scale = (f"{task} accuracy, %", 100.0) if column == "accuracy" else (f"{task} {column}", 1.0)
    if column not in columns or not {"step", "tokens_seen"} <= columns.keys():
        return [], [], [], label
    rows = np.flatnonzero(np.isfinite(columns[column]))
    steps, passed = (losses["step"], seconds(losses)) if losses else ((), ())
    # Between two rows of losses.csv, in proportion.
    times: Any = np.interp(columns["step"][rows], [0.0, *steps], [0.0, *passed])
    return columns["tokens_seen"][rows].tolist(), times.tolist(), (scale * columns[column][rows]).tolist(), label


@styled
def law_plot(points: Sequence[PointResult], law: PowerLaw) -> Figure:
    """The loss of every run over its parameters, the fitted line and its band, and what limits it."""
    runs = [one.measures for point in points for one in point.runs if {LOSS, "parameters"} <= set(one.measures)]
    return law_figure(
        [one["parameters"] for one in runs], [one[LOSS] for one in runs], law, "held-out loss, nats per token"
    )


@styled
def law_figure(sizes: Sequence[float], losses: Sequence[float], law: PowerLaw, label: str) -> Figure:
    """A power law on logarithmic axes."""
    import numpy
    from matplotlib.ticker import LogLocator, MaxNLocator

    figure, axes = new_figure(7.0, 4.6)
    line = numpy.geomspace(law.sizes[0] / 1.15, law.sizes[1] * 1.15, 100)
    low, high = law.band(line)
    if numpy.isfinite(low).all() and numpy.isfinite(high).all() and high.max() < 100 * max(losses):
        axes.fill_between(line, low, high, color=DOTS, alpha=0.15, linewidth=0, label="95 % interval of the line")
    axes.plot(line, law(line), color=DOTS, label=f"N^-{law.exponent:.3f}")
    axes.plot(sizes, losses, "o", color=MEANS, markersize=5, label="runs")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("parameters")
    axes.set_ylabel(plain(label))
    axes.minorticks_off()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(lambda value, _: short_count(value))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axes.legend(frameon=False)
    shown: Any = law.warnings()
    if shown:
        axes.set_title("\n".join(_wrapped(shown[0])), loc="left", fontsize=8, color=GREY)
    return figure


def _tasks(points: Sequence[PointResult]) -> list[str]:
    """Tasks of which every run has a curve."""
    curves_of = [
        {task for task in run.run.config.curves if run.facts.paths.curve(task).is_file()}
        for point in points
        for run in point.runs
    ]
    return sorted(set.intersection(*curves_of)) if curves_of else []


def _key(value: Any) -> str:
    return str(value)


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 95)
