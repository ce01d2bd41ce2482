"""Pictures of evaluations: models side by side, learning curves over checkpoints, and one model's sheet of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama.artifacts import read_json
from babyllama.reporting.plots import EVAL_COLOUR, GREY, TRAIN_COLOUR, new_figure, save_figure, short_count
from babyllama.runs import RunPaths

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_comparison(comparison: Mapping[str, Any], folder: Path) -> list[Path]:
    """A heat map by term and model for every set of minimal pairs in `comparison` (see `evaluation.comparison`)."""
    drawn = []
    for name, found in comparison.get("minimal_pairs", {}).items():
        drawn.append(save_figure(heat_map(name, found), folder / f"{name}_comparison.png"))
    return drawn


def heat_map(name: str, found: Mapping[str, Any]) -> Figure:
    """Accuracy by linguistic term (rows) and model (columns), the mean over paradigms below; white is chance."""
    models = found["models"]
    terms = sorted(models[0]["terms"], key=lambda term: -models[0]["terms"][term])
    rows = [[100 * model["terms"][term] for model in models] for term in terms]
    rows.append([100 * model["accuracy"] for model in models])
    labels = [term.replace("_", " ") for term in terms] + ["mean over paradigms"]
    figure, axes = new_figure(4.2 + 0.95 * len(models), 1.6 + 0.34 * len(rows))
    image = axes.imshow(rows, cmap="RdBu", vmin=0, vmax=100, aspect="auto")
    axes.set_xticks(range(len(models)), [model["model"] for model in models], rotation=30, ha="right", fontsize=8)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.axhline(len(rows) - 1.5, color="white", linewidth=3)
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            dark = abs(value - 50) > 33
            axes.text(x, y, f"{value:.1f}", ha="center", va="center", fontsize=8, color="white" if dark else "black")
    figure.colorbar(image, ax=axes, label="accuracy, %", shrink=0.8)
    axes.set_title(f"{name}, {found['n']:,} pairs, {found['protocol']}", loc="left", fontsize=10)
    return figure


def draw_learning_curves(paths: RunPaths) -> list[Path]:
    """Accuracy over words seen for every set of minimal pairs that at least two checkpoints of the run were scored on."""
    drawn = []
    for name, points in learning_points(paths).items():
        if len(points) > 1:
            drawn.append(save_figure(learning_curve(name, points), paths.plots / f"{name}_learning_curve.png"))
    return drawn


def learning_points(paths: RunPaths) -> dict[str, list[tuple[int, dict[str, Any]]]]:
    """Set of minimal pairs -> (words seen, results) of each evaluated checkpoint and of the final model, in order.

    Results under another protocol or of another number of pairs than most of the checkpoints' are left out: a curve
    holds one kind of number.
    """
    found: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for file in [
        *sorted((paths.evaluation / "checkpoints").glob("*/*.json")),
        *sorted(paths.evaluation.glob("*.json")),
    ]:
        value = read_json(file)
        if isinstance(value, dict) and "paradigms" in value:
            words = value.get("evaluated", {}).get("words_seen")
            if words is not None:
                found.setdefault(file.stem, []).append((int(words), value))
    curves = {}
    for name, points in found.items():
        kinds = [(value["protocol"], value["n"]) for _, value in points]
        usual = max(kinds, key=kinds.count)
        by_words = {words: value for (words, value), kind in zip(points, kinds, strict=True) if kind == usual}
        curves[name] = sorted(by_words.items())
    return curves


def learning_curve(name: str, points: Sequence[tuple[int, Mapping[str, Any]]]) -> Figure:
    """Accuracy of each linguistic term over words seen (logarithmic), the mean over paradigms in bold."""
    from matplotlib import colormaps

    words = [seen for seen, _ in points]
    terms = list(points[-1][1]["terms"])
    colours = colormaps["tab20"].resampled(max(len(terms), 1))
    figure, axes = new_figure(8.5, 4.6)
    for number, term in enumerate(terms):
        values = [100 * value["terms"].get(term, {"accuracy": math.nan})["accuracy"] for _, value in points]
        axes.plot(words, values, color=colours(number), linewidth=1.1, label=term.replace("_", " "))
    means = [100 * value["accuracy"] for _, value in points]
    axes.plot(words, means, color="black", linewidth=2.4, marker="o", markersize=3.5, label="mean over paradigms")
    axes.axhline(50, color=GREY, linestyle="--", linewidth=1)
    axes.set_xscale("log")
    shown = _spread(words)
    axes.set_xticks(shown, [short_count(seen) for seen in shown])
    axes.minorticks_off()
    axes.set_xlabel("words seen")
    axes.set_ylabel("accuracy, %")
    axes.set_title(f"{name}, {points[-1][1]['protocol']}, {points[-1][1]['n']:,} pairs", loc="left")
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
    axes.set_title(title, loc="left")
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
