"""Reading: how much of people's reading times does the model's surprisal explain, beyond length, frequency and place?

de Varda et al. 2023, doi:10.3758/s13428-023-02261-8, as the BabyLM suites score it: ordinary least squares without and with
surprisal; the part of the unexplained variance that surprisal takes away, in per cent. Eye tracking is the mean over four
measures; self-paced reading also knows the previous word. Both ways of taking surprisal are reported: `official` stands on the
board, `correct` is what the model would get without that pipeline's faults (`babyllama.evaluation.reading_times`).
"""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from babyllama.artifacts import fingerprint_value, read_text
from babyllama.errors import DamagedFileError, DataError
from babyllama.evaluation.results import Bars, Measure, Result, Score, Table
from babyllama.evaluation.suites.sizes import READING_WORDS
from babyllama.evaluation.tasks.babylm import BabyLMTask
from babyllama.evaluation.tasks.base import TaskData
from babyllama.runs import ModelPlace
from babyllama.text import csv_cell

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel
    from babyllama.evaluation.scoring import Progress

FILE = "reading_data.csv"
EYE_TRACKING = ("RTfirstfix", "RTfirstpass", "RTgopast", "RTrightbound")
SELF_PACED = "self_paced_reading_time"
BASE = ("Subtlex_log10", "length", "context_length")
_NUMBERS = (*EYE_TRACKING, SELF_PACED, *BASE, "prev_length")
_TEXTS = ("item", "word", "prev_item", "prev_word")
_MISSING = frozenset(
    [
        "",
        "#N/A",
        "N/A",
        "NA",
        "n/a",
        "<NA>",
        "NaN",
        "nan",
        "-NaN",
        "-nan",
        "null",
        "NULL",
        "None",
        "#N/A",
        "#NA",
        "1.#IND",
        "1.#QNAN",
        "-1.#IND",
        "-1.#QNAN",
    ]
)
"""What the pipeline's reader of tables takes for an empty cell."""
LOST = 0.5
"""Below this share of words whose first piece is that of running text a tokenizer loses the column."""


class ReadingResult(Result):
    """Both scores by both ways, and how many words have the tokens of running text."""

    kind = "reading"

    @property
    def same(self) -> tuple[Any, ...]:
        """Each backend measures something else."""
        return (self.kind, self.numbers["backend"])

    @property
    def items(self) -> tuple[bool, int]:
        """(are they all words?, words)"""
        return (self.numbers["n"] >= READING_WORDS, self.numbers["n"])

    def score(self) -> Score:
        """What stands on the board: the mean of eye tracking and self-paced reading, as the pipeline computes it."""
        return Score(self.numbers["official"]["mean"], items=self.numbers["n"], chance=0.0)

    def headline(self) -> list[Measure]:
        """The official score and the correct one."""
        return [
            Measure(
                f"reading times, scorer `{way}`: eye tracking / self-paced, % of variance", _both(self.numbers[way])
            )
            for way in ("official", "correct")
        ]

    def tables(self, *, details: bool = False) -> list[Table]:
        """A line for each scorer."""
        rows = [
            (way, *(f"{self.numbers[way][key]:.2f}" for key in ("eye_tracking", "self_paced", "mean")))
            for way in ("official", "correct")
        ]
        found = self.numbers
        kept = f"{found['words_as_in_text']:,} of {found['n']:,} words get the tokens under `official` that they have in running text"
        title = "reading: % of the unexplained variance of reading times that surprisal explains"
        return [Table(title, ("eye tracking", "self-paced", "mean"), rows, below=(kept,))]

    def curve(self) -> dict[str, float]:
        """Both means."""
        return {way: self.numbers[way]["mean"] for way in ("official", "correct")}

    def bars(self) -> Bars:
        """Both measures by both ways."""
        values = {
            f"{key.replace('_', ' ')}, {way}": self.numbers[way][key]
            for way in ("official", "correct")
            for key in ("eye_tracking", "self_paced")
        }
        return Bars("reading times", "% of variance", values, ("mean, official", self.numbers["official"]["mean"]))

    def files(self, stem: str) -> dict[str, Iterable[str]]:
        """Every word's surprisals, and the predictions as the BabyLM pipelines write them."""
        rows, values = self.measured
        columns = ("pred", "prev_pred")
        official = [
            {"id": number, **dict(zip(columns, map(float, pair), strict=True))}
            for number, pair in enumerate(zip(*(values["official", name] for name in columns), strict=True))
        ]
        # A word without one before it is NaN there, as it is in the pipeline's own file.
        text = json.dumps({"reading": {"predictions": official}})
        return {f"{stem}.csv": _csv(rows, values), f"official/{stem}_predictions.json": [text]}

    def notes(self) -> list[str]:
        """What the tokenizer costs, and how much of the data it is."""
        found, notes = self.numbers, []
        if found["first_pieces_as_in_text"] < LOST * found["n"]:
            notes.append(
                f"reading: this tokenizer loses the column: {found['first_pieces_as_in_text']:,} of {found['n']:,} words begin with "
                f"the token that they have in running text under the official scorer, which encodes a word without the space before "
                f"it. Official {found['official']['mean']:.2f}, correct {found['correct']['mean']:.2f}. Train with "
                "tokenizer.add_prefix_space: true"
            )
        if found["n"] != READING_WORDS:
            notes.append(f"reading: {found['n']:,} words, the published data have {READING_WORDS:,}")
        return notes

    @classmethod
    def compare(cls, models: Sequence[str], results: Sequence[ReadingResult]) -> list[dict[str, Any]]:
        """Side by side."""
        return [{"model": name, **one.curve()} for name, one in zip(models, results, strict=True)]

    @classmethod
    def comparison_tables(cls, key: str, compared: Any) -> list[Table]:
        """A row for each scorer."""
        rows = [(way, *(f"{one[way]:.2f}" for one in compared)) for way in ("official", "correct")]
        return [Table("reading: mean of eye tracking and self-paced", [one["model"] for one in compared], rows)]


class ReadingTask(BabyLMTask):
    """Does surprisal explain reading times?"""

    name = "reading"
    title = "reading times explained by surprisal (BabyLM)"
    result = ReadingResult
    folders = ("reading",)
    pattern = FILE
    fast_differs = False
    curve_columns = ("official", "correct")

    def published(self) -> dict[str, int]:
        """Words of the whole data."""
        return {"reading": READING_WORDS}

    def data(self, place: ModelPlace | None) -> TaskData:
        """The rows of reading_data.csv: texts, and numbers as floats (NaN where there is none)."""
        file = self.folder() / FILE
        rows = _read(file)
        return TaskData(
            rows, {"words": fingerprint_value([[repr(row[name]) for name in row] for row in rows])}, str(file)
        )

    def score(self, loaded: LoadedModel, data: TaskData, progress: Progress | None = None) -> ReadingResult:
        """Surprisal of each word and of the one before it, both ways; then the regressions."""
        import numpy as np

        from babyllama.evaluation.reading_times import InContext, surprisals
        from babyllama.evaluation.scoring.backends import backend_of, scorer_for

        started = time.perf_counter()
        rows: list[dict[str, Any]] = data.content
        backend = backend_of(loaded, self.settings.backend)
        scorer = scorer_for(loaded, backend)
        here = [InContext(row["item"], row["word"]) for row in rows]
        has_previous = [number for number, row in enumerate(rows) if row["prev_item"]]
        previous = [InContext(rows[number]["prev_item"], rows[number]["prev_word"]) for number in has_previous]
        values, pieces = {}, {}
        for way in ("official", "correct"):
            found, pieces[way] = surprisals(loaded.tokenizer, scorer, [*here, *previous], backend, way, progress)  # type: ignore[arg-type]
            values[way, "pred"] = found[: len(rows)]
            values[way, "prev_pred"] = np.full(len(rows), np.nan)
            values[way, "prev_pred"][has_previous] = found[len(rows) :]
        both = list(zip(pieces["official"][: len(rows)], pieces["correct"][: len(rows)], strict=True))
        table = {name: np.array([row[name] for row in rows], dtype=float) for name in _NUMBERS}
        numbers = {
            **self.facts(started),
            "backend": backend,
            **{
                way: reading_scores({**table, "pred": values[way, "pred"], "prev_pred": values[way, "prev_pred"]})
                for way in ("official", "correct")
            },
            "n": len(rows),
            "words_as_in_text": sum(a.tokens == b.tokens for a, b in both),
            "first_pieces_as_in_text": sum(a.tokens[0] == b.tokens[0] for a, b in both),
        }
        return ReadingResult(numbers, measured=(rows, values))


def reading_scores(table: dict[str, Any]) -> dict[str, Any]:
    """Scores from a table of reading times, word properties, `pred` and `prev_pred` (surprisal of the word and of the last)."""
    from babyllama.evaluation.regression import Formula, explained

    eye = {name: explained(Formula.with_products(name, BASE, "pred"), table, "pred").gain for name in EYE_TRACKING}
    known = (*BASE, "prev_length", "prev_pred")
    self_paced = explained(Formula.with_products(SELF_PACED, known, "pred"), table, "pred")
    eye_tracking = fmean(eye.values())
    return {
        "eye_tracking": eye_tracking,
        "self_paced": self_paced.gain,
        "mean": (eye_tracking + self_paced.gain) / 2,
        "measures": eye,
        "words_self_paced": self_paced.rows,
    }


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        reader = csv.DictReader(io.StringIO(read_text(file), newline=""))
        lines = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error, DamagedFileError) as error:
        raise DataError(f"cannot read {file}: {error}.") from error
    missing = [name for name in (*_TEXTS, *_NUMBERS) if name not in (reader.fieldnames or ())]
    if missing or not lines:
        raise DataError(
            f"{file}: {'no rows' if not missing else f'no column {missing[0]!r}'}. It is not the reading data."
        )
    return [_row(line, f"{file}, row {number}") for number, line in enumerate(lines, 1)]


def _row(line: dict[str, str | None], where: str) -> dict[str, Any]:
    texts = {name: "" if (line[name] or "") in _MISSING else str(line[name]) for name in _TEXTS}
    texts["item"] = (
        texts["item"] or "None"
    )  # the word itself, which the pipeline's reader takes for an empty cell and puts back
    if not texts["word"]:
        raise DataError(f"{where}: 'word' is empty.")
    numbers = {}
    for name in _NUMBERS:
        try:
            numbers[name] = float(line[name] or "nan")
        except ValueError as error:
            raise DataError(f"{where}: {name!r} holds no number ({line[name]!r}).") from error
    return {**texts, **numbers}


def _csv(rows: Sequence[dict[str, Any]], values: dict[tuple[str, str], Any]) -> Iterable[str]:
    yield "context,word,official,correct,official_previous,correct_previous\n"
    keys = (("official", "pred"), ("correct", "pred"), ("official", "prev_pred"), ("correct", "prev_pred"))
    for number, row in enumerate(rows):
        line = io.StringIO()
        cells = ["" if math.isnan(values[key][number]) else f"{values[key][number]:.6f}" for key in keys]
        csv.writer(line, lineterminator="\n").writerow([csv_cell(row["item"]), csv_cell(row["word"]), *cells])
        yield line.getvalue()


def _both(found: dict[str, Any]) -> str:
    return f"{found['eye_tracking']:.2f} / {found['self_paced']:.2f}"
