"""The numbers of a study's runs, gathered from their folders: per run, and per point over its seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from babyllama.evaluation.results import fullest, result_of
from babyllama.runs import RunFacts, read_run, run_of
from babyllama.studies.design import Point, StudyRun

LOSS = "held-out loss"
"""Block loss on held-out text, in nats per token."""


@dataclass(frozen=True)
class RunResult:
    """One finished run and what it scored."""

    run: StudyRun
    facts: RunFacts
    measures: dict[str, float]
    """Name -> number: training's own, then each evaluation's."""

    @classmethod
    def read(cls, run: StudyRun) -> RunResult:
        """From the run's folder."""
        facts = read_run(run_of(run.config).paths)
        return cls(run, facts, measures_of(facts))


@dataclass(frozen=True)
class Spread:
    """A measure over the seeds of a point."""

    mean: float
    deviation: float | None
    """Standard deviation of the sample; None for a single seed."""
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Mean and spread of `values`."""
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))

    def text(self, digits: int) -> str:
        """3.412 ± 0.021"""
        if self.deviation is None:
            return f"{self.mean:,.{digits}f}"
        return f"{self.mean:,.{digits}f} ± {self.deviation:,.{digits}f}"


@dataclass(frozen=True)
class PointResult:
    """A point and the finished runs of it."""

    point: Point
    runs: list[RunResult] = field(default_factory=list)

    def spread(self, measure: str) -> Spread | None:
        """`measure` over its seeds; None where no run has it."""
        values = [one.measures[measure] for one in self.runs if measure in one.measures]
        return Spread.of(values) if values else None


def gather(runs: Iterable[StudyRun]) -> list[PointResult]:
    """The results of finished `runs` by point, in the order of the points."""
    found: dict[str, PointResult] = {}
    for run in runs:
        found.setdefault(run.point.label, PointResult(run.point)).runs.append(RunResult.read(run))
    return list(found.values())


def measures_of(facts: RunFacts) -> dict[str, float]:
    """Every number that a table of runs shows."""
    found: dict[str, Any] = {}
    metrics = facts.metrics
    if metrics is not None:
        found |= {LOSS: metrics.eval_loss, "training loss": metrics.train_loss}
    stored = [result for kept in facts.results if (result := result_of(kept, facts.paths.evaluation)) is not None]
    for result in fullest(stored):
        pairs = result.kind == "minimal_pairs"
        # A run that was also scored in another way, or on another text, has the number of its first, plainest name.
        for name, value in result.curve().items():
            if not pairs:
                found.setdefault(name.replace("_", " "), value)
            elif name == "accuracy":
                found.setdefault(f"{result.key}, %", 100 * value)
    if metrics is not None:
        found |= {
            "parameters": metrics.parameters,
            "tokens seen": metrics.tokens_seen,
            "training seconds": metrics.training_time,
            "tokens per second": metrics.tokens_per_second,
            "peak memory, MB": metrics.peak_memory_bytes / 1e6,
        }
    return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}


def measure_names(points: Sequence[PointResult]) -> list[str]:
    """Every measure that some run has, in the order of a run's own."""
    return list(dict.fromkeys(name for point in points for one in point.runs for name in one.measures))
