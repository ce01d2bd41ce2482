"""What the runs are: the numbers one looks at first, headline results, and the settings in which they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from babyllama.evaluation.results import Table, fullest
from babyllama.reporting.views.base import Block, Note, Section, Tile, Tiles
from babyllama.reporting.views.curves import best_held_out, last_row
from babyllama.reporting.views.reading import Reading
from babyllama.runs.run import learned_settings
from babyllama.text import duration, one_line, short_count, unmarked

MOST_COLUMNS = 4
"""Runs up to which a table of facts has a column for each; more of them are its rows."""


def summary_section(readings: Sequence[Reading]) -> Section:
    """Of one run its numbers as tiles, of several a table of them; and what they scored."""
    blocks: list[Block] = [Tiles(_tiles(readings[0]))] if len(readings) == 1 else [runs_table(readings)]
    scores = headline_table(readings)
    if scores.rows:
        blocks.append(scores)
    return Section("summary", "Summary", blocks)


def _tiles(reading: Reading) -> list[Tile]:
    metrics, newest = reading.metrics, last_row(reading.losses)
    tiles = []
    if metrics is not None:
        tiles.append(Tile("parameters", short_count(metrics.parameters), f"{metrics.parameters:,}"))
    words = metrics.words_seen if metrics is not None else newest.get("words_seen")
    if words is not None:
        tiles.append(Tile("words seen", short_count(words), f"{words:,.0f}"))
    loss = metrics.eval_loss if metrics is not None else newest.get("eval_loss")
    if loss is not None:
        tiles.append(Tile("held-out block loss", f"{loss:.3f}", "nats per token"))
    for kept in reading.results:
        bars = kept.result.bars()
        if bars is not None:
            label, value = bars.mean
            low, high = bars.intervals.get(label, (None, None))
            note = f"{label}, {bars.label}"
            if low is not None and high is not None:
                note = f"95 % interval {low:.1f} to {high:.1f}"
            tiles.append(Tile(kept.name.replace("_", " "), f"{value:.1f}" + (" %" if "%" in bars.label else ""), note))
    if metrics is not None:
        tiles.append(Tile("training time", duration(metrics.training_time), metrics.device))
    return tiles


def runs_table(readings: Sequence[Reading]) -> Table:
    """What the runs are: a row for each fact, or where they are many a row for each run."""
    facts = [run_facts(one) for one in readings]
    columns = list(dict.fromkeys(name for one in facts for name in one))
    if len(readings) <= MOST_COLUMNS:
        headings = ("",) if len(readings) == 1 else [one.label for one in readings]
        title = "The run" if len(readings) == 1 else "The runs"
        return Table(title, headings, [(name, *(one.get(name, "-") for one in facts)) for name in columns])
    rows = [
        [reading.label, *(one.get(name, "-") for name in columns)] for reading, one in zip(readings, facts, strict=True)
    ]
    return Table("The runs", columns, rows)


def run_facts(reading: Reading) -> dict[str, str]:
    """What a run is, by name."""
    found: dict[str, str] = {}
    config, metrics, newest = reading.config, reading.metrics, last_row(reading.losses)
    if config is not None:
        model = config.model
        found["architecture"] = model.architecture_name
        if model.n_layer is not None:
            found["layers x width"] = f"{model.n_layer} x {model.hidden_size}"
    if metrics is not None:
        found["parameters"] = f"{metrics.parameters:,}"
    if config is not None:
        found["objective"] = config.training.objective
        synthetic = reading.record is not None and reading.record.synthetic
        found["text"] = one_line(config.data.train_path) + (" (synthetic)" if synthetic else "")
    for name, own, column in (
        ("steps", "steps", "step"),
        ("words seen", "words_seen", "words_seen"),
        ("tokens seen", "tokens_seen", "tokens_seen"),
    ):
        value = getattr(metrics, own) if metrics is not None else newest.get(column)
        if value is not None:
            found[name] = f"{value:,.0f}"
    train = metrics.train_loss if metrics is not None else newest.get("train_loss")
    held_out = metrics.eval_loss if metrics is not None else newest.get("eval_loss")
    if train is not None:
        found["training loss"] = f"{train:.4f}"
    if held_out is not None:
        found["held-out loss"] = f"{held_out:.4f}"
    best = best_held_out(reading.losses)
    if best is not None:
        found["lowest held-out loss"] = f"{best:.4f}"
    if metrics is not None:
        found["training time"] = duration(metrics.training_time)
        found["tokens per second"] = f"{metrics.tokens_per_second:,.0f}"
    else:
        found["state"] = "in training" if reading.in_training else "not finished"
    return found


def headline_table(readings: Sequence[Reading]) -> Table:
    """What stands for each result, a column for each run."""
    columns: list[dict[str, str]] = []
    for reading in readings:
        results = sorted(fullest(kept.result for kept in reading.results), key=lambda one: one.kind != "perplexity")
        columns.append({unmarked(one.label): one.text for result in results for one in result.headline()})
    labels = dict.fromkeys(label for column in columns for label in column)
    rows = [(label, *(column.get(label, "-") for column in columns)) for label in labels]
    headings = [one.label for one in readings] if len(readings) > 1 else ("value",)
    return Table("What they scored" if len(readings) > 1 else "What it scored", headings, rows)


def differences_section(readings: Sequence[Reading]) -> Section:
    """The settings that runs do not share, of those that decide what is learned."""
    known = [one for one in readings if one.config is not None]
    if len(known) < 2:
        return Section("differences", "Configuration", [Note("There is one configuration only.")])
    settings = [learned_settings(one.config) for one in known if one.config is not None]
    keys = sorted({key for one in settings for key in one})
    rows = [
        [key, *(_value(one.get(key)) for one in settings)]
        for key in keys
        if any(one.get(key) != settings[0].get(key) for one in settings)
    ]
    if not rows:
        return Section(
            "differences",
            "Configuration differences",
            [Note("The runs share every setting that decides what is learned.")],
        )
    title = f"{len(rows)} of {len(keys)} settings differ"
    return Section("differences", "Configuration differences", [Table(title, [one.label for one in known], rows)])


def _value(value: Any) -> str:
    return "-" if value is None else one_line(str(value))
