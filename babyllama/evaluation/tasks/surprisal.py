"""Surprisal of every word of a text, and its mean."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama.artifacts import fingerprint_files
from babyllama.evaluation.results import Measure, Result, Table
from babyllama.evaluation.tasks.base import Task, TaskData
from babyllama.evaluation.tasks.perplexity import PerplexitySettings, PerplexityTask
from babyllama.runs import ModelPlace
from babyllama.text import code, csv_cell, significant

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel
    from babyllama.evaluation.scoring import Progress
    from babyllama.evaluation.surprisal import WordSurprisal


class SurprisalResult(Result):
    """Words and their surprisal, in bits."""

    kind = "surprisal"

    @property
    def same(self) -> tuple[Any, ...]:
        """Every text is another measurement."""
        return (self.kind, self.stored)

    def headline(self) -> list[Measure]:
        """Mean surprisal of a word."""
        label = f"surprisal of a word on {code(self.numbers['text'])}, bits"
        return [Measure(label, significant(self.numbers["mean_surprisal"]))]

    def tables(self, *, details: bool = False) -> list[Table]:
        """Means over words."""
        keys = ("words", "documents", "mean_surprisal", "mean_surprisal_corrected")
        return [
            Table(
                "surprisal of words, bits",
                ("value",),
                [(key.replace("_", " "), significant(self.numbers[key])) for key in keys],
            )
        ]

    def curve(self) -> dict[str, float]:
        """The mean."""
        return {"mean_surprisal": self.numbers["mean_surprisal"]}

    def files(self, stem: str) -> dict[str, Iterable[str]]:
        """One row per word."""
        return {f"{stem}.csv": _rows(self.measured)}


class SurprisalTask(Task):
    """How surprising is each word after those before it?"""

    name = "surprisal"
    title = "surprisal of every word of that text, a row each"
    Settings = PerplexitySettings
    result = SurprisalResult
    places = ("eval_text",)
    curve_columns = ("mean_surprisal",)
    needs_causal = True
    settings: PerplexitySettings

    def data(self, place: ModelPlace | None) -> TaskData:
        """The text of `perplexity`."""
        text = PerplexityTask(self.settings).data(place).content
        return TaskData(text, {"text": fingerprint_files(text.files)}, text.path)

    def result_name(self, data: TaskData, folder: Path) -> str:
        """Like perplexity's."""
        return PerplexityTask(self.settings).result_name(data, folder).replace("perplexity", self.name, 1)

    def score(self, loaded: LoadedModel, data: TaskData, progress: Progress | None = None) -> SurprisalResult:
        """Every document on its own."""
        from babyllama.evaluation.surprisal import surprisal

        documents = list(data.content.documents())
        words = list(surprisal(loaded, documents))
        numbers = {
            "text": data.source,
            "text_fingerprint": data.fingerprints["text"],
            "documents": len(documents),
            "words": len(words),
            "mean_surprisal": _mean(word.surprisal for word in words),
            "mean_surprisal_corrected": _mean(word.surprisal_corrected for word in words),
        }
        return SurprisalResult(numbers, measured=words)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _rows(words: Iterable[WordSurprisal]) -> Iterable[str]:
    import csv
    import io

    from babyllama.evaluation.surprisal import WordSurprisal

    for row in ([one.name for one in fields(WordSurprisal)], *map(astuple, words)):
        line = io.StringIO()
        cells = ("" if c is None else f"{c:.6f}" if isinstance(c, float) else c for c in row)
        csv.writer(line, lineterminator="\n").writerow([csv_cell(c) if isinstance(c, str) else c for c in cells])
        yield line.getvalue()
