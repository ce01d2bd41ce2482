"""What a run came out with, as trackers are told: numbers by name, and every table."""

from __future__ import annotations

from dataclasses import replace

from babyllama.evaluation.results import Table
from babyllama.reporting.comparison import shown
from babyllama.runs import RunFacts


def final_scores(facts: RunFacts) -> tuple[dict[str, float], list[Table]]:
    """(name -> number, tables) of training and of everything that has been evaluated."""
    numbers: dict[str, float] = {}
    metrics = facts.metrics
    if metrics is not None:
        training = {
            "training/block loss": metrics.train_loss,
            "held-out/block loss": metrics.eval_loss,
            "training/tokens seen": metrics.tokens_seen,
            "training/words seen": metrics.words_seen,
            "training/seconds": metrics.training_time,
            "training/tokens per second": metrics.tokens_per_second,
            "model/parameters": metrics.parameters,
        }
        numbers |= {name: float(value) for name, value in training.items() if value is not None}
    results = shown(facts)
    for measure in (measure for result in results for measure in result.headline()):
        if measure.published is not None and measure.published.get("metric_value") is not None:
            name = f"{measure.published['dataset_name']}/{measure.published['metric_name']}"
            numbers[name] = float(measure.published["metric_value"])
    return numbers, _named([table for result in results for table in result.tables()])


def _named(tables: list[Table]) -> list[Table]:
    """With titles that stay the same from run to run, so that a tracker puts runs side by side."""
    names: list[str] = []
    for table in tables:
        name = table.title.split(":")[0].rstrip("?")
        names.append(name if name not in names else f"{name} {names.count(name) + 1}")
    return [replace(table, title=name) for table, name in zip(tables, names, strict=True)]
