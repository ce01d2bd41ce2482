"""What reports show as pictures for print: one style (print.mplstyle), labels at the lines themselves, intervals drawn."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from babyllama.artifacts import atomic_file
from babyllama.reporting.views.base import DotChart, Heat, Line, LineChart, Shares
from babyllama.text import duration, short_count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = Path(__file__).with_name("print.mplstyle")
GREY = "#6b7077"
_LOW, _HIGH = "#d9772b", "#2f7fb5"
_HALO = 3.0
P = ParamSpec("P")
Made = TypeVar("Made")


def styled(draw: Callable[P, Made]) -> Callable[P, Made]:
    """`draw` within the style of all pictures; matplotlib's own settings are put back afterwards."""

    @wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> Made:
        import matplotlib

        with matplotlib.rc_context(fname=STYLE):
            return draw(*args, **kwargs)

    return inside


def new_figure(width: float, height: float) -> tuple[Figure, Any]:
    """A figure (inches) with one set of axes, without a window and without matplotlib's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


@styled
def save_figure(figure: Figure, path: Path) -> Path:
    """Write `figure` as PNG, atomically."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    with atomic_file(path, "wb") as handle:
        handle.write(buffer.getvalue())
    return path


def colour(number: int) -> str:
    """The colour of a run; of what is drawn twice it is the same on every picture."""
    return f"C{number % 8}"


def plain(text: str) -> str:
    """`text` for a picture: matplotlib would take what stands between two dollars for a formula."""
    return text.replace("$", r"\$")


def _title(figure: Figure, text: str) -> None:
    """The title at the left edge, in as many lines as it needs."""
    lines = textwrap.wrap(text, int(10.5 * figure.get_figwidth())) or [""]
    figure.suptitle(plain("\n".join(lines)), x=0.01, ha="left", fontsize=12, fontweight="bold")


@styled
def line_figure(chart: LineChart, axis: str | None = None) -> Figure:
    """Curves over one of the chart's axes (the first), each with its name at its end."""
    figure, axes = new_figure(7.2, 4.0 if len(chart.lines) < 9 else 4.8)
    axis = axis or next(iter(chart.axes))
    alone = len({line.run for line in chart.lines}) == 1 and len(chart.lines) > 3
    for line in chart.lines:
        _draw_line(axes, line, axis, grey=alone and line.faint)
    if chart.reference is not None:
        axes.axhline(chart.reference[1], color=GREY, linestyle=(0, (4, 3)), linewidth=1)
    if chart.log_x:
        axes.set_xscale("log")
        axes.minorticks_off()
        places = sorted({x for line in chart.lines for x in line.x[axis]})
        ticks = _apart(places)
        axes.set_xticks(ticks, [short_count(x) for x in ticks])
    else:
        axes.xaxis.set_major_formatter(lambda value, _: duration(value) if axis == "seconds" else short_count(value))
    axes.set_xlabel(chart.axes[axis])
    axes.set_ylabel(plain(chart.y_label))
    _title(figure, chart.title)
    axes.grid(axis="y")
    axes.margins(x=0.01)
    _name_ends(figure, axes, chart, alone)
    return figure


def _draw_line(axes: Any, line: Line, axis: str, *, grey: bool) -> None:
    x, ink = list(line.x[axis]), GREY if grey else colour(line.run)
    if line.intervals:
        low, high = zip(*line.intervals, strict=True)
        axes.fill_between(x, low, high, color=ink, alpha=0.16, linewidth=0)
    width, alpha = (1.0, 0.55) if line.faint else (2.2, 1.0)
    marker = {"marker": "o"} if line.dots else {}
    axes.plot(x, list(line.y), color=ink, linewidth=width, alpha=alpha, label=plain(line.name), **marker)


def _name_ends(figure: Figure, axes: Any, chart: LineChart, alone: bool) -> None:
    """Write each line's name behind its end, moved as little as keeps names apart."""
    names = [
        (line.name, line.y[-1], line.faint, GREY if alone and line.faint else colour(line.run)) for line in chart.lines
    ]
    names += [] if chart.reference is None else [(*chart.reference, True, GREY)]
    low, high = axes.get_ylim()
    size = 10 if len(names) < 10 else 9
    height = axes.get_window_extent().height / figure.dpi * 72 or 1
    places = spread([end for _, end, _, _ in names], (high - low) * size * 1.3 / height, low, high)
    for (name, _, faint, ink), place in zip(names, places, strict=True):
        weight = "normal" if faint else "bold"
        where = {"xycoords": ("axes fraction", "data"), "va": "center", "annotation_clip": False}
        axes.annotate(plain(name), (1.015, place), fontsize=size, fontweight=weight, color=ink, **where)


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """`places` moved as little as keeps them `gap` apart, within `low` and `high` as far as they fit there."""
    order = sorted(range(len(places)), key=lambda number: places[number])
    moved = [places[number] for number in order]
    for _ in range(200):
        for number in range(1, len(moved)):
            lack = gap - (moved[number] - moved[number - 1])
            if lack > 1e-12:
                moved[number] += lack / 2
                moved[number - 1] -= lack / 2
        moved = [min(high, max(low, place)) for place in moved]
    found = [0.0] * len(places)
    for number, place in zip(order, moved, strict=True):
        found[number] = place
    return found


def _apart(places: Sequence[float]) -> list[float]:
    """Those of the growing `places` that can be labelled on a logarithmic axis without overlap, the last first."""
    gap = (places[-1] / max(places[0], 1)) ** (1 / 10)
    shown = [places[-1]]
    for place in reversed(places):
        if place * gap <= shown[-1]:
            shown.append(place)
    return shown


@styled
def dot_figure(chart: DotChart) -> Figure:
    """A row for each name, a dot with its interval for each run; hollow where the interval holds the reference."""
    rows, runs = list(chart.rows), len(chart.dots)
    step = 0.30 + 0.09 * (runs - 1)
    figure, axes = new_figure(7.2, 1.25 + step * len(rows))
    for place, dots in enumerate(chart.dots):
        shift = (place - (runs - 1) / 2) * 0.62 / max(runs, 1)
        for number, row in enumerate(rows):
            if row not in dots.values:
                continue
            value, interval, y = dots.values[row], dots.intervals.get(row), number + shift
            large = row in chart.bold
            if interval is not None:
                axes.plot(interval, (y, y), color=colour(dots.run), linewidth=2.4 if large else 1.7, zorder=2)
            inside = (
                chart.reference is not None
                and interval is not None
                and interval[0] <= chart.reference[1] <= interval[1]
            )
            face = "white" if inside else colour(dots.run)
            axes.plot(
                value, y, "o", color=colour(dots.run), markerfacecolor=face, markersize=7.5 if large else 6, zorder=3
            )
            if runs == 1:
                place_right = {"xycoords": ("axes fraction", "data"), "va": "center", "ha": "right"}
                axes.annotate(
                    f"{value:.1f}", (1.0, y), fontweight="bold" if large else "normal", fontsize=10, **place_right
                )
    axes.set_yticks(range(len(rows)), [plain(row) for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if row in chart.bold else "normal")
    axes.set_ylim(len(rows) - 0.4, -0.9)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    low, high = axes.get_xlim()
    if chart.reference is not None:
        reach = (high - low) * 0.04
        low, high = min(low, chart.reference[1] - reach), max(high, chart.reference[1] + reach)
    axes.set_xlim(low, high + (high - low) * (0.09 if runs == 1 else 0.02))
    if chart.reference is not None:
        name, value = chart.reference
        axes.axvline(value, color=GREY, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
        axes.annotate(
            name, (value, 1.0), xycoords=("data", "axes fraction"), ha="center", va="bottom", color=GREY, fontsize=10
        )
    axes.set_xlabel(
        plain(chart.label) + (" (lines: 95 % intervals)" if any(one.intervals for one in chart.dots) else "")
    )
    _title(figure, chart.title)
    if runs > 1:
        handles = [axes.plot([], [], "o", color=colour(one.run), label=plain(one.name))[0] for one in chart.dots]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(runs, 4))
    return figure


@styled
def heat_figure(heat: Heat) -> Figure:
    """Rows by models; white is the middle, orange below it and blue above."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("orange to blue", [_LOW, "#f6d9bd", "#ffffff", "#bcd9ec", _HIGH])
    rows = [*heat.rows, heat.mean]
    figure, axes = new_figure(max(5.2, 3.6 + 0.95 * len(heat.columns)), 1.6 + 0.33 * len(rows))
    numbers = [[float("nan") if one is None else one for one in values] for _, values in rows]
    axes.imshow(numbers, cmap=colours, vmin=heat.middle - heat.reach, vmax=heat.middle + heat.reach, aspect="auto")
    axes.set_xticks(
        range(len(heat.columns)), [plain(name) for name in heat.columns], rotation=30, ha="left", rotation_mode="anchor"
    )
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(rows)), [plain(name) for name, _ in rows])
    axes.get_yticklabels()[-1].set_fontweight("bold")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.axhline(len(rows) - 1.5, color="white", linewidth=4)
    for y, row in enumerate(numbers):
        for x, value in enumerate(row):
            weight = "bold" if y == len(rows) - 1 else "normal"
            axes.text(
                x,
                y,
                "-" if value != value else f"{value:.1f}",
                ha="center",
                va="center",
                fontsize=10,
                fontweight=weight,
            )
    for x in range(1, len(heat.columns)):
        axes.axvline(x - 0.5, color="white", linewidth=2)
    _title(figure, heat.title)
    return figure


@styled
def shares_figure(shares: Shares) -> Figure:
    """Parts of a whole, a bar for each text, each part with its name and its share."""
    figure, axes = new_figure(7.2, 0.95 + 0.75 * len(shares.bars))
    for number, (name, parts) in enumerate(shares.bars):
        left = 0.0
        for place, (part, share) in enumerate(parts.items()):
            axes.barh(
                number, 100 * share, left=left, height=0.62, color=colour(place), edgecolor="white", linewidth=1.5
            )
            text = f"{plain(part)}\n{100 * share:.0f} %"
            if 100 * share > 1.35 * max(map(len, text.split("\n"))):
                axes.text(
                    left + 50 * share,
                    number,
                    text,
                    ha="center",
                    va="center",
                    color="white",
                    fontsize=10,
                    fontweight="bold",
                )
            elif 100 * share > 4:
                axes.text(
                    left + 50 * share, number, f"{100 * share:.0f}", ha="center", va="center", color="white", fontsize=9
                )
            left += 100 * share
        axes.text(0, number - 0.4, plain(name), va="bottom", fontsize=10, color="#33373d")
    names = list(dict.fromkeys(part for _, one in shares.bars for part in one))
    narrow = any(100 * share <= 1.35 * len(part) for _, one in shares.bars for part, share in one.items())
    if narrow and len(names) > 1:
        handles = [axes.barh(0, 0, color=colour(place), label=plain(part)) for place, part in enumerate(names)]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(names), 4))
    axes.set_ylim(len(shares.bars) - 0.55, -0.8)
    axes.set_xlim(0, 100)
    axes.set_axis_off()
    _title(figure, shares.title)
    return figure
