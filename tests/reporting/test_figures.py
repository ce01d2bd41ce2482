"""Pictures hold the numbers of their views, name their lines where they end, and leave matplotlib as it was."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from report_world import report_run

from babyllama.reporting import draw_plots, read_run
from babyllama.reporting.figures import STYLE, dot_figure, heat_figure, line_figure, save_figure, shares_figure, spread
from babyllama.reporting.html import PAGE
from babyllama.reporting.views.base import DotChart, Dots, Heat, Line, LineChart, Shares

pytestmark = pytest.mark.unit


def curves(count: int = 8, **options: Any) -> LineChart:
    lines = [
        Line(n, f"line {n}", {"words": [1, 10, 100]}, [0.0, 1.0, 2.0 + 0.001 * n], intervals=[(-1, 1), (0, 2), (1, 3)])
        for n in range(count)
    ]
    return LineChart("A title", "words", "accuracy, %", {"words": "words seen"}, lines, **options)


def test_names_of_lines_that_end_together_do_not_overlap() -> None:
    figure = line_figure(curves(reference=("chance", 2.0)))
    figure.canvas.draw()
    names = [text for text in figure.axes[0].texts if text.get_text()]
    assert {text.get_text() for text in names} == {"chance", *(f"line {n}" for n in range(8))}
    boxes = sorted((text.get_window_extent() for text in names), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(boxes))
    assert boxes[0].x1 <= figure.bbox.x1, "they are on the picture"


def test_intervals_are_drawn() -> None:
    assert len(line_figure(curves(3)).axes[0].collections) == 3
    dots = Dots(0, "m", {"all": 70.0, "a": 52.0}, {"all": (65.0, 75.0), "a": (45.0, 59.0)})
    axes = dot_figure(
        DotChart("t", "w", "accuracy, %", ["all", "a"], [dots], ("chance", 50.0), frozenset({"all"}))
    ).axes[0]
    spans = [tuple(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2]
    assert {(65.0, 75.0), (45.0, 59.0)} <= set(spans)
    faces = [line.get_markerfacecolor() for line in axes.lines if line.get_marker() == "o"]
    assert faces == ["C0", "white"], "hollow: the interval holds chance"
    low, high = axes.get_xlim()
    assert low < 50 < high


def test_a_heat_map_and_shares_show_their_numbers() -> None:
    heat = Heat("h", "w", ["m1", "m2"], [("a", [50.0, None])], 50.0, 20.0, ("mean", [50.0, 60.0]))
    assert [text.get_text() for text in heat_figure(heat).axes[0].texts] == ["50.0", "-", "50.0", "60.0"]
    texts = [
        text.get_text()
        for text in shares_figure(Shares("s", "w", [("run", {"wiki": 0.75, "talk": 0.25})])).axes[0].texts
    ]
    assert texts == ["wiki\n75 %", "talk\n25 %", "run"]


def test_long_titles_and_odd_names_stay_on_the_picture(tmp_path: Path) -> None:
    chart = curves(2)
    figure = line_figure(LineChart("a long title " * 12, "w", "$y$", chart.axes, chart.lines))
    figure.canvas.draw()
    box = figure._suptitle.get_window_extent()  # type: ignore[attr-defined]
    assert 0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert save_figure(figure, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_the_style_is_for_our_pictures_alone() -> None:
    before = dict(matplotlib.rcParams)
    line_figure(curves(2))
    assert dict(matplotlib.rcParams) == before


def test_a_run_has_the_same_colour_on_pages_and_pictures() -> None:
    page = re.findall(r"--run-\d: light-dark\(#(\w+),", (PAGE / "page.css").read_text())
    printed = re.findall(r"'(\w{6})'", re.search(r"cycler\((.*)\)", STYLE.read_text())[1])  # type: ignore[index]
    assert page == printed
    assert len(page) == 8


def test_colours_can_be_told_from_white_and_from_one_another() -> None:
    """Contrast of 3 to 1 with paper (WCAG 2.1, 1.4.11); the first four also differ in lightness or under dichromacy."""

    def luminance(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    css = (PAGE / "page.css").read_text()
    papers = re.search(r"--paper: light-dark\(#(\w+), #(\w+)\)", css)
    assert papers
    for pair in re.findall(r"--run-\d: light-dark\(#(\w+), #(\w+)\)", css):
        for ink, paper in zip(pair, papers.groups(), strict=True):
            light, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 3, ink


def test_spread_moves_as_little_as_it_must() -> None:
    assert spread([1.0, 5.0, 9.0], 1.0, 0.0, 10.0) == [1.0, 5.0, 9.0]
    moved = spread([5.0, 5.0], 1.0, 0.0, 10.0)
    assert moved == pytest.approx([4.5, 5.5])


def test_the_pictures_of_a_run(tmp_path: Path) -> None:
    paths = report_run(tmp_path / "a")
    drawn = {file.name for file in draw_plots(read_run(paths))}
    assert drawn == {"loss.png", "pairs.png"}
    assert all((paths.plots / name).stat().st_size > 5_000 for name in drawn)
