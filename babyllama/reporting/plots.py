"""The pictures of one run, drawn from its folder alone."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama.artifacts import atomic_file
from babyllama.evaluation.results import Bars, result_of
from babyllama.runs import RunFacts
from babyllama.text import short_count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRAIN_COLOUR, EVAL_COLOUR, GREY = "#4c78a8", "#e4572e", "#888888"


def draw_plots(facts: RunFacts) -> list[Path]:
    """Draw the loss curve, and what was evaluated as bars."""
    paths = facts.paths
    drawn = []
    if facts.losses:
        drawn.append(save_figure(loss_curve(facts), paths.plots / "loss.png"))
    for kept in facts.results:
        result = result_of(kept, paths.evaluation)
        bars = result.bars() if result is not None else None
        if bars is not None:
            drawn.append(save_figure(bar_chart(bars), paths.plots / f"{kept.name}.png"))
    return drawn


def new_figure(width: float, height: float) -> tuple[Figure, Any]:
    """A figure with one set of axes, without a window and without matplotlib's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save_figure(figure: Figure, path: Path) -> Path:
    """Write `figure` as PNG, atomically."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    with atomic_file(path, "wb") as handle:
        handle.write(buffer.getvalue())
    return path


def loss_curve(facts: RunFacts) -> Figure:
    """Block loss (nats per token) over tokens seen, training and held-out, with the lowest held-out loss named."""
    figure, axes = new_figure(7.5, 4.2)
    seen, train = _column(facts.losses, "train_loss")
    axes.plot(seen, train, color=TRAIN_COLOUR, linewidth=1.3, label="training")
    seen_eval, held_out = _column(facts.losses, "eval_loss")
    if held_out:
        axes.plot(
            seen_eval,
            held_out,
            color=EVAL_COLOUR,
            marker="o",
            markersize=3.5,
            linewidth=1.6,
            label="held-out",
        )
        best = min(range(len(held_out)), key=held_out.__getitem__)
        axes.annotate(
            f"{held_out[best]:.3f} (perplexity {math.exp(held_out[best]):.1f})",
            (seen_eval[best], held_out[best]),
            xytext=(-6, 18),
            textcoords="offset points",
            ha="right",
            color=EVAL_COLOUR,
        )
    axes.set_xlabel("tokens seen")
    axes.set_ylabel("block loss, nats per token")
    axes.set_title(plain(facts.name), loc="left")
    axes.xaxis.set_major_formatter(lambda value, _: short_count(value))
    axes.grid(axis="y", alpha=0.25)
    axes.legend(frameon=False)
    return figure


def bar_chart(bars: Bars) -> Figure:
    """One bar for each value, the largest above, chance marked where there is any."""
    rows = sorted(bars.values.items(), key=lambda row: row[1])
    figure, axes = new_figure(7.5, max(2.4, 1.2 + 0.3 * len(rows)))
    axes.barh([plain(name) for name, _ in rows], [value for _, value in rows], color=TRAIN_COLOUR, height=0.65)
    if bars.chance is not None:
        axes.axvline(bars.chance, color=GREY, linestyle="--", linewidth=1)
        axes.text(bars.chance + 0.5, -0.9, "chance", color=GREY, fontsize=8, va="bottom")
        axes.set_xlim(0, 105)
    for index, (_, value) in enumerate(rows):
        place = {"xytext": (3, 0), "textcoords": "offset points"}
        axes.annotate(f"{value:.1f}", (value, index), **place, va="center", fontsize=8)
    axes.set_xlabel(plain(bars.label))
    axes.set_title(plain(bars.title), loc="left")
    return figure


def plain(text: str) -> str:
    """`text` for a picture: matplotlib would take what stands between two dollars for a formula."""
    return text.replace("$", r"\$")


def _column(rows: list[dict[str, float | None]], name: str) -> tuple[list[float], list[float]]:
    """(tokens seen, values) of the rows that have a value."""
    found = [(row["tokens_seen"], row[name]) for row in rows if row.get(name) is not None]
    return [x for x, _ in found if x is not None], [y for _, y in found if y is not None]
