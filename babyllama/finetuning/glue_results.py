"""What fine-tuning on GLUE gave: scores by task, beside the best single class, and every prediction."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from babyllama.evaluation.results import Bars, Measure, Result, Score, Table
from babyllama.text import percent, plural


class GlueResult(Result):
    """Scores of the tasks, and every prediction."""

    kind = "glue"

    @property
    def key(self) -> str:
        """An epoch chosen on other rows is another measurement."""
        return "glue_holdout" if self.numbers["holdout"] else "glue"

    @property
    def same(self) -> tuple[Any, ...]:
        """So are the rules of another year."""
        return (self.kind, self.key, self.numbers["year"])

    @property
    def items(self) -> tuple[bool, int]:
        """All seven tasks?"""
        return (not self.numbers["missing"], len(self.numbers["tasks"]))

    def score(self) -> Score:
        """The mean in per cent; chance is the best single class of each task."""
        tasks = self.numbers["tasks"].values()
        floors = statistics.fmean(one["floor"] for one in tasks)
        return Score(100 * self.numbers["mean"], items=sum(one["rows"] for one in tasks), chance=100 * floors)

    def headline(self) -> list[Measure]:
        """The mean, under its own name where it is not of all seven."""
        tasks = self.numbers["tasks"]
        name = "GLUE, mean of seven tasks" if not self.numbers["missing"] else f"GLUE, mean of {', '.join(tasks)} only"
        if self.numbers["holdout"]:
            name += ", epoch chosen on held-out training rows"
        published = {
            "task_type": "text-classification", "task_name": "GLUE (BabyLM)", "dataset_type": "glue",
            "dataset_name": "BabyLM evaluation data", "metric_type": "mean", "metric_value": round(self.numbers["mean"], 4),
        }  # fmt: skip
        floors = statistics.fmean(one["floor"] for one in tasks.values())
        return [
            Measure(name, percent(self.numbers["mean"], 2), published if not self.numbers["missing"] else None),
            Measure("the same of one class for every row", percent(floors, 2)),
        ]

    def tables(self, *, details: bool = False) -> list[Table]:
        """A line for each task."""
        numbers, rows = self.numbers, []
        for name, one in numbers["tasks"].items():
            seeds = one["seeds"]
            spread = f"{percent(one['mean'], 2)} ± {100 * one['spread']:.2f}" if len(seeds) > 1 else "-"
            first = seeds[str(numbers["seed"])]
            rows.append(
                (name, one["metric"], percent(one["score"], 2), spread, percent(first["last"], 2), percent(one["floor"], 2),
                 f"{first['epoch']} of {first['epochs']}", f"{one['rows']:,}")
            )  # fmt: skip
        rows.append(("mean", "", percent(numbers["mean"], 2), "", "", "", "", ""))
        title = f"GLUE under the rules of {numbers['year']}, seed {numbers['seed']}"
        columns = ("measure", "score", "all seeds", "last epoch", "one class", "best epoch", "rows")
        return [Table(title, columns, rows, frozenset({len(rows) - 1}))]

    def curve(self) -> dict[str, float]:
        """The mean."""
        return {"glue": self.numbers["mean"]}

    def bars(self) -> Bars:
        """A bar for each task."""
        scored = {name: 100 * one["score"] for name, one in self.numbers["tasks"].items()}
        return Bars(self.key, "score, %", scored, ("mean", 100 * self.numbers["mean"]), chance=50)

    def notes(self) -> list[str]:
        """On what the epoch was chosen, and what is missing."""
        numbers = self.numbers
        notes = []
        if not numbers["holdout"]:
            notes.append(
                "glue: the best epoch is chosen on the rows that are reported, as the official pipeline does it; the score is "
                "too high by that. --holdout chooses it on training rows"
            )
        if numbers["missing"]:
            notes.append(
                f"glue: {', '.join(numbers['missing'])} not scored; the mean is over {', '.join(numbers['tasks'])}"
            )
        cut = {name: one["cut"] for name, one in numbers["tasks"].items() if one["cut"]}
        for name, count in cut.items():
            notes.append(f"glue: {plural(count, 'row')} of {name} cut to {numbers['length']} tokens")
        return notes

    def files(self, stem: str) -> dict[str, Iterable[str]]:
        """`<stem>_predictions.jsonl`: task, seed, number, idx, pred and label of every row."""
        return {f"{stem}_predictions.jsonl": (json.dumps(row) + "\n" for row in self.measured)}

    @classmethod
    def compare(cls, models: Sequence[str], results: Sequence[GlueResult]) -> list[dict[str, Any]] | None:
        """Scores side by side, where the tasks are the same."""
        if len({tuple(result.numbers["tasks"]) for result in results}) > 1:
            return None
        rows: list[dict[str, Any]] = []
        for model, result in zip(models, results, strict=True):
            tasks = {name: one["score"] for name, one in result.numbers["tasks"].items()}
            rows.append({"model": model, "mean": result.numbers["mean"], "tasks": tasks})
        return rows

    @classmethod
    def comparison_tables(cls, key: str, compared: Any) -> list[Table]:
        """One column per model."""
        rows = [(name, *(percent(one["tasks"][name], 2) for one in compared)) for name in compared[0]["tasks"]] + [
            ("mean", *(percent(one["mean"], 2) for one in compared))
        ]
        return [Table("GLUE side by side", [one["model"] for one in compared], rows, frozenset({len(rows) - 1}))]


def result_stem(year: int, holdout: bool) -> str:
    """What a result's files are called: glue_2026, glue_2025, glue_2026_holdout ..."""
    return "_".join(["glue", str(year), *(["holdout"] if holdout else [])])
