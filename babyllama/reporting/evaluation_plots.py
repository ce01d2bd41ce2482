"""Pictures of evaluations: models side by side, learning curves over checkpoints, and one model's sheet of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama.evaluation.results import Bars, Result, result_of
from babyllama.reporting.plots import EVAL_COLOUR, GREY, TRAIN_COLOUR, new_figure, plain, save_figure
from babyllama.runs import RunPaths, load_results, result_name
from babyllama.text import short_count

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_heat_maps(parts: Iterable[tuple[type[Result], str, Any]], folder: Path) -> list[Path]:
    """A heat map for everything in a comparison (`compared_parts`) that has one."""
    drawn = []
    for kind, key, compared in parts:
        columns = kind.heat_map(key, compared)
        if columns:
            drawn.append(save_figure(heat_map(columns), folder / f"{result_name(key, 'comparison')}.png"))
    return drawn


def heat_map(columns: Sequence[Bars]) -> Figure:
    """Groups (rows) by model (columns), the mean below; white is chance. A title's last line names the model."""
    first = columns[0]
    names = sorted(first.values, key=lambda name: -first.values[name])
    rows = [[column.values[name] for column in columns] for name in names]
    rows.append([column.mean[1] for column in columns])
    labels = [plain(name) for name in names] + [first.mean[0]]
    figure, axes = new_figure(4.2 + 0.95 * len(columns), 1.6 + 0.34 * len(rows))
    image = axes.imshow(rows, cmap="RdBu", vmin=0, vmax=100, aspect="auto")
    models = [plain(column.title.rpartition("\n")[2]) for column in columns]
    axes.set_xticks(range(len(models)), models, rotation=30, ha="right", fontsize=8)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.axhline(len(rows) - 1.5, color="white", linewidth=3)
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            dark = abs(value - 50) > 33
            axes.text(x, y, f"{value:.1f}", ha="center", va="center", fontsize=8, color="white" if dark else "black")
    figure.colorbar(image, ax=axes, label=first.label, shrink=0.8)
    axes.set_title(plain(first.title.rpartition("\n")[0]), loc="left", fontsize=10)
    return figure


def draw_learning_curves(paths: RunPaths) -> list[Path]:
    """What at least two checkpoints of the run were evaluated on, over words seen."""
    drawn = []
    for name, points in learning_points(paths).items():
        if len(points) > 1:
            drawn.append(save_figure(learning_curve(points), paths.plots / f"{name}_learning_curve.png"))
    return drawn


def learning_points(paths: RunPaths) -> dict[str, list[tuple[int, Bars]]]:
    """Name of a result -> (words seen, its bars) of each evaluated checkpoint and of the final model, in order.

    Results that do not measure the same as most of the checkpoints' (another protocol, other pairs) are left out: a curve
    holds one kind of number.
    """
    folders = [*sorted(paths.checkpoint_evaluation("x").parent.glob("*")), paths.evaluation]
    found: dict[str, list[tuple[int, Result]]] = {}
    for folder in folders:
        for kept in load_results(folder):
            result = result_of(kept, folder)
            if result is not None and kept.words_seen is not None and result.bars() is not None:
                found.setdefault(kept.name, []).append((kept.words_seen, result))
    curves = {}
    for name, points in found.items():
        kinds = [(result.same, result.items) for _, result in points]
        usual = max(kinds, key=kinds.count)
        by_words = {words: result.bars() for (words, result), kind in zip(points, kinds, strict=True) if kind == usual}
        curves[name] = sorted((words, bars) for words, bars in by_words.items() if bars is not None)
    return curves


def learning_curve(points: Sequence[tuple[int, Bars]]) -> Figure:
    """Every group over words seen (logarithmic), the number that stands for all in bold."""
    from matplotlib import colormaps

    words = [seen for seen, _ in points]
    last = points[-1][1]
    colours = colormaps["tab20"].resampled(max(len(last.values), 1))
    figure, axes = new_figure(8.5, 4.6)
    for number, name in enumerate(last.values):
        values = [bars.values.get(name, math.nan) for _, bars in points]
        axes.plot(words, values, color=colours(number), linewidth=1.1, label=plain(name))
    means = [bars.mean[1] for _, bars in points]
    axes.plot(words, means, color="black", linewidth=2.4, marker="o", markersize=3.5, label=last.mean[0])
    if last.chance is not None:
        axes.axhline(last.chance, color=GREY, linestyle="--", linewidth=1)
    axes.set_xscale("log")
    shown = _spread(words)
    axes.set_xticks(shown, [short_count(seen) for seen in shown])
    axes.minorticks_off()
    axes.set_xlabel("words seen")
    axes.set_ylabel(last.label)
    axes.set_title(plain(last.title), loc="left")
    axes.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _spread(words: Sequence[int]) -> list[int]:
    """Those of the growing numbers `words` that can be labelled on a logarithmic axis without overlap, the last first."""
    gap = (words[-1] / max(words[0], 1)) ** (1 / 12)
    shown = [words[-1]]
    for seen in reversed(words):
        if seen * gap <= shown[-1]:
            shown.append(seen)
    return shown


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
        colours = [TRAIN_COLOUR if value >= 50 else EVAL_COLOUR for value, _ in rows]
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
