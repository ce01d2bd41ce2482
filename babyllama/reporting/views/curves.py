"""Losses, learning rate and speed over steps, tokens, words or seconds, thinned out so that no extreme is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from babyllama.reporting.views.base import Block, Line, LineChart, Note, Section
from babyllama.reporting.views.reading import Reading
from babyllama.runs.rows import LOSS_COLUMNS, Columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_POINTS = 6000
"""Points of all runs together in one chart, for each of its measures."""
AXES = {
    "tokens": "tokens seen",
    "step": "optimizer steps",
    "words": "words seen",
    "seconds": "seconds of training steps",
}
_COLUMNS = {"tokens": "tokens_seen", "step": "step", "words": "words_seen"}


def curves_section(readings: Sequence[Reading]) -> Section:
    """Block losses of all runs in one chart; what else losses.csv holds in further ones."""
    blocks: list[Block] = [_loss_chart(readings)] if any(one.losses for one in readings) else []
    if not blocks:
        return Section("curves", "Training curves", [Note("No run here has a losses.csv.")])
    for number, reading in enumerate(readings):
        count = _not_finite(reading.losses)
        if count:
            blocks.append(Note(f"{reading.label}: {count:,} losses are not a number and are left out."))
        elif not reading.losses and len(readings) > 1:
            blocks.append(Note(f"{readings[number].label} has no losses.csv."))
    if len(readings) > 1:
        held_out = _chart(
            readings, "Held-out loss alone", "held-out block loss, nats per token", [("eval_loss", "", True)]
        )
        if any(len(line.y) > 2 for line in held_out.lines):
            blocks.append(held_out)
    others = {name: None for one in readings for name in one.losses if name not in LOSS_COLUMNS}
    more = [("learning_rate", "Learning rate", "learning rate"), ("tokens_per_second", "Speed", "tokens per second")]
    for column, title, label in [*((name, name.replace("_", " "), "nats per target token") for name in others), *more]:
        chart = _chart(readings, title, label, [(column, "", False)])
        if chart.lines:
            blocks.append(replace(chart, half=column in ("learning_rate", "tokens_per_second")))
    return Section("curves", "Training curves", blocks)


def _loss_chart(readings: Sequence[Reading]) -> LineChart:
    return _chart(
        readings,
        "Block loss",
        "block loss, nats per token",
        [("train_loss", "training", False), ("eval_loss", "held-out", True)],
        alt=" ".join(filter(None, (_in_words(one) for one in readings))),
    )


def _chart(
    readings: Sequence[Reading], title: str, label: str, columns: Sequence[tuple[str, str, bool]], alt: str = ""
) -> LineChart:
    lines: list[Line] = []
    most = max(300, MOST_POINTS // max(1, len(readings)))
    for number, reading in enumerate(readings):
        for column, what, dots in columns:
            x, y = _points(reading.losses, column, most)
            if len(y):
                name = ", ".join(filter(None, (reading.label if len(readings) > 1 else "", what))) or reading.label
                faint = not dots and len(columns) > 1
                lines.append(Line(number, name, x, y, dots=dots and len(y) <= 100, faint=faint))
    axes = {key: text for key, text in AXES.items() if all(key in line.x for line in lines)}
    return LineChart(title, alt or _range(title, lines), label, axes, lines)


def _points(columns: Columns, name: str, most: int) -> tuple[dict[str, list[float]], list[float]]:
    """Places on each axis and values of the rows that have a value, at most `most` of them."""
    if name not in columns:
        return {}, []
    rows = np.flatnonzero(np.isfinite(columns[name]))
    rows = rows[extremes(columns[name][rows], most)]
    places = {key: columns[column] for key, column in _COLUMNS.items() if column in columns}
    if "tokens_per_second" in columns and "tokens_seen" in columns:
        places["seconds"] = seconds(columns)
    found = {key: place[rows] for key, place in places.items()}
    return {k: _short(v) for k, v in found.items() if np.isfinite(v).all()}, _short(columns[name][rows])


def extremes(values: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Row numbers of at most about `most` of the `values`: first, last, smallest and largest of each stretch."""
    if len(values) <= most:
        return np.arange(len(values))
    width = -(-len(values) // max(1, most // 4))
    whole = len(values) // width * width
    stretches = values[:whole].reshape(-1, width)
    begins = np.arange(0, whole, width)
    kept = [begins, begins + width - 1, begins + stretches.argmin(axis=1), begins + stretches.argmax(axis=1)]
    if whole < len(values):
        rest = values[whole:]
        kept.append(whole + np.array([0, len(rest) - 1, rest.argmin(), rest.argmax()]))
    return np.unique(np.concatenate(kept))


def seconds(columns: Columns) -> NDArray[np.float64]:
    """Time in training steps up to each row, from the speeds that were recorded; evaluations are not in it."""
    tokens = np.diff(columns["tokens_seen"], prepend=0.0)
    speed = columns["tokens_per_second"]
    with np.errstate(divide="ignore", invalid="ignore"):
        took = np.where(np.isfinite(speed) & (speed > 0) & np.isfinite(tokens), tokens / speed, 0.0)
    return np.cumsum(took)


def _short(values: NDArray[np.float64]) -> list[float]:
    """As few digits as a picture needs."""
    return [int(value) if float(value).is_integer() else float(f"{value:.6g}") for value in values]


def _not_finite(columns: Columns) -> int:
    """Training losses that are infinite; one that is no number cannot be told from an empty cell."""
    return int(np.isinf(columns["train_loss"]).sum()) if "train_loss" in columns else 0


def _in_words(reading: Reading) -> str:
    columns = reading.losses
    text = []
    for column, what in (("train_loss", "training"), ("eval_loss", "held-out")):
        values = columns.get(column)
        if values is None:
            continue
        rows = np.flatnonzero(np.isfinite(values))
        if len(rows):
            low = rows[values[rows].argmin()]
            at = f" at step {columns['step'][low]:,.0f}" if "step" in columns else ""
            text.append(
                f"{what} loss from {values[rows[0]]:.3f} to {values[rows[-1]]:.3f}, lowest {values[low]:.3f}{at}"
            )
    return f"{reading.label}: {'; '.join(text)}." if text else ""


def _range(title: str, lines: Sequence[Line]) -> str:
    parts = [f"{line.name} between {min(line.y):.4g} and {max(line.y):.4g}" for line in lines if len(line.y)]
    return f"{title}: {'; '.join(parts)}."


def last_row(columns: Columns) -> Mapping[str, float]:
    """The newest value of each column, for a run that has not ended."""
    found = {}
    for name, values in columns.items():
        rows = np.flatnonzero(np.isfinite(values))
        if len(rows):
            found[name] = float(values[rows[-1]])
    return found


def best_held_out(columns: Columns) -> float | None:
    """The lowest held-out block loss."""
    values = columns.get("eval_loss")
    if values is None or not np.isfinite(values).any():
        return None
    return float(np.nanmin(values))
