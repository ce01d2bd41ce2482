"""Scores over words seen: of evaluated checkpoints, and of tasks that were measured while a run trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from babyllama.evaluation.results import Bars, Result
from babyllama.reporting.views.base import Block, Line, LineChart, Note, Section
from babyllama.reporting.views.reading import Kept, Reading

Points = list[tuple[int, Bars]]
"""(words seen, what was measured then), in order."""
_WORDS = {"words": "words seen"}


def learning_section(readings: Sequence[Reading]) -> Section:
    """A chart for everything that was measured at least twice."""
    blocks: list[Block] = []
    found = {n: learning_points(one.checkpoint_results + one.results) for n, one in enumerate(readings)}
    for name in dict.fromkeys(name for points in found.values() for name in points):
        runs = {number: points[name] for number, points in found.items() if len(points.get(name, ())) > 1}
        if runs:
            blocks.append(points_chart(name, [one.label for one in readings], runs))
    for task in dict.fromkeys(task for one in readings for task in one.curves):
        blocks += _measured_on_the_way(task, readings)
    if not blocks:
        blocks.append(
            Note("No checkpoints were evaluated, and no task was measured while training (evaluation.curve_tasks).")
        )
    return Section("learning", "Learning curves", blocks)


def learning_points(results: Iterable[Kept]) -> dict[str, Points]:
    """Name of a result -> its points. Results that do not measure the same as most of the others (another protocol, other
    pairs) are left out: a curve holds one kind of number."""
    found: dict[str, list[tuple[int, Result]]] = {}
    for kept in results:
        if kept.words_seen is not None and kept.result.bars() is not None:
            found.setdefault(kept.name, []).append((kept.words_seen, kept.result))
    curves = {}
    for name, points in found.items():
        kinds = [(result.same, result.items) for _, result in points]
        usual = max(kinds, key=kinds.count)
        by_words = {words: result.bars() for (words, result), kind in zip(points, kinds, strict=True) if kind == usual}
        curves[name] = sorted((words, bars) for words, bars in by_words.items() if bars is not None)
    return curves


def points_chart(title: str, labels: Sequence[str], runs: Mapping[int, Points]) -> LineChart:
    """The number that stands for all of each run; of a single run every group as well, faint."""
    lines, alone = [], len(runs) == 1
    for number, points in runs.items():
        words = [seen for seen, _ in points]
        last = points[-1][1]
        if alone:
            for group in sorted(last.values, key=lambda one: -last.values[one]):
                there = [(seen, bars.values[group]) for seen, bars in points if group in bars.values]
                places = {"words": [seen for seen, _ in there]}
                lines.append(Line(number, group, places, [value for _, value in there], faint=True))
        means = [bars.mean[1] for _, bars in points]
        intervals = [bars.intervals[bars.mean[0]] for _, bars in points if bars.mean[0] in bars.intervals]
        whole = intervals if len(intervals) == len(points) else []
        name = last.mean[0] if alone else labels[number]
        lines.append(Line(number, name, {"words": words}, means, dots=True, intervals=whole))
    some = next(iter(runs.values()))[-1][1]
    spoken = "; ".join(
        f"{labels[number]} from {points[0][1].mean[1]:.1f} to {points[-1][1].mean[1]:.1f}"
        for number, points in runs.items()
    )
    reference = None if some.chance is None else ("chance", some.chance)
    return LineChart(title, f"{title} over words seen: {spoken}.", some.label, _WORDS, lines, reference, log_x=True)


def _measured_on_the_way(task: str, readings: Sequence[Reading]) -> list[Block]:
    columns = dict.fromkeys(name for one in readings for name in one.curves.get(task, {}))
    blocks: list[Block] = []
    for column in columns:
        lines = []
        for number, reading in enumerate(readings):
            table = reading.curves.get(task, {})
            if column in ("step", "words_seen", "tokens_seen") or not {column, "words_seen"} <= set(table):
                continue
            rows = np.flatnonzero(np.isfinite(table[column]) & np.isfinite(table["words_seen"]))
            values = table[column][rows].tolist()
            if len(set(values)) > 1:
                lines.append(
                    Line(number, reading.label, {"words": table["words_seen"][rows].tolist()}, values, dots=True)
                )
        if lines:
            title = f"{task}, {column.replace('_', ' ')}"
            ends = "; ".join(f"{line.name} from {line.y[0]:.4g} to {line.y[-1]:.4g}" for line in lines)
            blocks.append(LineChart(title, f"{title} while training: {ends}.", column.replace("_", " "), _WORDS, lines))
    return blocks
