"""Results of evaluations of any task: intervals, paired differences, tables and samples, through the interface of results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from babyllama.config.tables import TASKS
from babyllama.errors import BabyLlamaError
from babyllama.evaluation.results import Bars, compared_parts
from babyllama.evaluation.runner import compare
from babyllama.reporting.views.base import Block, DotChart, Dots, Folded, Heat, Note, Samples, Section
from babyllama.reporting.views.reading import Kept, Reading

MOST_DOTS = 4
"""Runs up to which dots of one row can be told apart; more of them are shown as colours of a table."""
MOST_DIFFERENCES = 2
"""Differences up to which each is shown at once; more of them are folded."""


def scores_section(readings: Sequence[Reading]) -> Section:
    """One part for everything that is kept under one name."""
    groups = by_name(readings)
    if not groups:
        return Section("scores", "Results", [Note("Nothing was evaluated yet.")])
    return Section("scores", "Results", [], [_part(readings, name, found) for name, found in groups.items()])


def by_name(readings: Sequence[Reading]) -> dict[str, dict[int, Kept]]:
    """Name of a result -> number of a run -> the result; those of most runs first."""
    groups: dict[str, dict[int, Kept]] = {}
    for number, reading in enumerate(readings):
        for kept in reading.results:
            groups.setdefault(kept.name, {})[number] = kept
    return dict(sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])))


def _part(readings: Sequence[Reading], name: str, found: Mapping[int, Kept]) -> Section:
    blocks: list[Block] = []
    bars = {number: drawn for number, kept in found.items() if (drawn := kept.result.bars()) is not None}
    several = len(found) > 1
    if bars and len(bars) <= MOST_DOTS:
        blocks.append(dot_chart(next(iter(bars.values())).title if not several else name, readings, bars))
    if several:
        blocks += _compared(readings, name, found)
    for number, kept in found.items():
        tables: list[Block] = list(kept.result.tables(details=True))
        tables += [Note(line) for line in kept.result.notes()]
        blocks += [Folded(f"{readings[number].label}: all numbers", tables)] if several else tables
    blocks.insert(0, Note(TASKS.get(next(iter(found.values())).task).title))
    return Section(f"scores-{name}", name.replace("_", " "), blocks)


def dot_chart(
    title: str, readings: Sequence[Reading], bars: Mapping[int, Bars], reference_name: str = "chance"
) -> DotChart:
    """Numbers with intervals, a row for each name, the number that stands for all on top."""
    first = next(iter(bars.values()))
    names = list(dict.fromkeys(name for one in bars.values() for name in one.values))
    names.sort(key=lambda name: -first.values.get(name, -math.inf))
    rows = list(dict.fromkeys([first.mean[0], *names]))
    dots = [
        Dots(number, readings[number].label, {one.mean[0]: one.mean[1], **one.values}, one.intervals)
        for number, one in bars.items()
    ]
    alt = f"{title}: " + "; ".join(_spoken(one, readings[number].label) for number, one in bars.items()) + "."
    reference = None if first.chance is None else (reference_name, first.chance)
    return DotChart(title, alt, first.label, rows, dots, reference, frozenset({first.mean[0]}))


def _spoken(bars: Bars, label: str) -> str:
    text = f"{label} {bars.mean[0]} {bars.mean[1]:.1f}"
    if bars.mean[0] in bars.intervals:
        low, high = bars.intervals[bars.mean[0]]
        text += f" (95 % interval {low:.1f} to {high:.1f})"
    return text


def _compared(readings: Sequence[Reading], name: str, found: Mapping[int, Kept]) -> list[Block]:
    """What the results of several runs give together."""
    try:
        comparison = compare([readings[number].label for number in found], [[one.result] for one in found.values()])
    except BabyLlamaError as error:
        return [Note(f"Not compared: {error}")]
    if not comparison:
        return [Note("Not compared: these are numbers of different things, or of one kind that stands alone.")]
    blocks: list[Block] = []
    for kind, key, one in compared_parts(comparison):
        columns = kind.heat_map(key, one)
        if columns:
            blocks.append(heat(name, columns))
        differences = kind.differences(key, one)
        if len(differences) > 1:
            blocks.append(ablation_chart(name, differences))
        charts: list[Block] = []
        numbers = {readings[number].label: number for number in found}
        for bars in differences:
            from_first, _, model = bars.title.rpartition("\n")
            charts.append(dot_chart(f"{model}: {from_first}", readings, {numbers[model]: bars}, "no difference"))
        tables = kind.comparison_tables(key, one)
        charts += tables[1:] if columns else tables
        blocks += [Folded("Every difference", charts)] if len(differences) > MOST_DIFFERENCES else charts
    return blocks


def ablation_chart(name: str, differences: Sequence[Bars]) -> DotChart:
    """How far each model's number that stands for all is from the first model's, with intervals, in the order given."""
    models = [one.title.rpartition("\n")[2] for one in differences]
    values = {model: one.mean[1] for model, one in zip(models, differences, strict=True)}
    found = {model: one.intervals.get(one.mean[0]) for model, one in zip(models, differences, strict=True)}
    intervals = {model: interval for model, interval in found.items() if interval is not None}
    first = differences[0]
    title = f"{name}: {first.title.rpartition(chr(10))[0]}, {first.mean[0]}"
    alt = f"{title}: " + "; ".join(f"{model} {value:+.1f}" for model, value in values.items()) + "."
    return DotChart(title, alt, first.label, models, [Dots(0, name, values, intervals)], ("no difference", 0.0))


def heat(name: str, columns: Sequence[Bars]) -> Heat:
    """Groups by model, the number that stands for all below. A title's last line names the model."""
    first = columns[0]
    middle = first.chance if first.chance is not None else 0.0
    names = sorted(first.values, key=lambda one: -first.values[one])
    rows: list[tuple[str, list[float | None]]] = [
        (one, [column.values.get(one) for column in columns]) for one in names
    ]
    reach = max([abs(value - middle) for _, row in rows for value in row if value is not None], default=1.0) or 1.0
    mean = (first.mean[0], [column.mean[1] for column in columns])
    models = [column.title.rpartition("\n")[2] for column in columns]
    best = "; ".join(f"{model} {column.mean[1]:.1f}" for model, column in zip(models, columns, strict=True))
    title = first.title.rpartition("\n")[0] or name
    alt = f"{title}, {first.label}, {first.mean[0]}: {best}."
    return Heat(f"{title}: {first.label}", alt, models, rows, middle, reach, mean)


def samples_section(readings: Sequence[Reading]) -> Section:
    """What the models wrote, as far as an evaluation kept it."""
    blocks: list[Block] = []
    for reading in readings:
        for kept in reading.results:
            texts = _in_turns(kept.result.samples())
            if texts:
                blocks.append(Samples(reading.label, texts))
    if not blocks:
        where = readings[0].paths.root
        blocks.append(Note(f"No samples were kept; `babyllama evaluate {where} --tasks generation` writes some."))
    return Section("samples", "Samples", blocks)


def _in_turns(texts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The first sample of every prompt, then the second of each, ..."""
    prompts: dict[str, list[tuple[str, str]]] = {}
    for prompt, text in texts:
        prompts.setdefault(prompt, []).append((prompt, text))
    turns = zip_longest(*prompts.values())
    return [one for turn in turns for one in turn if one is not None]
