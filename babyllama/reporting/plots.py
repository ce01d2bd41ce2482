"""The pictures of one run, drawn from its folder alone."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from babyllama.reporting.figures import dot_figure, line_figure, plain, save_figure, shares_figure, styled
from babyllama.reporting.views.base import DotChart, LineChart, Shares
from babyllama.reporting.views.curves import curves_section
from babyllama.reporting.views.material import corpus_section
from babyllama.reporting.views.reading import Reading, read_runs
from babyllama.reporting.views.scores import dot_chart
from babyllama.runs import RunFacts

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_plots(facts: RunFacts) -> list[Path]:
    """Draw the loss curve, what was evaluated, and the training text where it has several sources."""
    paths = facts.paths
    (reading,) = read_runs([paths.root])
    drawn = []
    losses = next((one for one in curves_section([reading]).blocks if isinstance(one, LineChart)), None)
    if losses is not None:
        drawn.append(save_figure(loss_curve(losses, facts.name), paths.plots / "loss.png"))
    for name, chart in score_charts(reading).items():
        drawn.append(save_figure(dot_figure(chart), paths.plots / f"{name}.png"))
    shares = next((one for one in corpus_section([reading]).blocks if isinstance(one, Shares)), None)
    if shares is not None and len(shares.bars[0][1]) > 1:
        drawn.append(save_figure(shares_figure(shares), paths.plots / "corpus.png"))
    return drawn


def score_charts(reading: Reading) -> dict[str, DotChart]:
    """Name of a result -> its picture, for those that have one."""
    found = {}
    for kept in reading.results:
        bars = kept.result.bars()
        if bars is not None:
            found[kept.name] = dot_chart(bars.title, [reading], {0: bars})
    return found


@styled
def loss_curve(chart: LineChart, title: str) -> Figure:
    """Training and held-out block loss over tokens seen, with the lowest held-out loss named."""
    figure = line_figure(replace(chart, title=title))
    held_out = next((line for line in chart.lines if not line.faint), None)
    if held_out is not None and len(held_out.y):
        best = min(range(len(held_out.y)), key=held_out.y.__getitem__)
        axis = next(iter(chart.axes))
        figure.axes[0].annotate(
            f"lowest {held_out.y[best]:.3f}\n(perplexity {math.exp(min(held_out.y[best], 700)):.1f})",
            (held_out.x[axis][best], held_out.y[best]),
            xytext=(-6, 30),
            textcoords="offset points",
            ha="right",
            fontsize=10,
            color="C0",
            arrowprops={"arrowstyle": "-", "color": "C0", "linewidth": 0.9, "shrinkB": 4},
        )
    return figure


__all__ = ["draw_plots", "loss_curve", "plain", "save_figure", "score_charts"]
