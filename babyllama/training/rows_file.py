"""CSV files that grow with a run: never a row twice, never one missing.

A row reaches the disk before the checkpoint of its step does. Resuming cuts the file back to the checkpoint's step, so
the rows after a kill are the rows of a run that was left alone.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from babyllama.artifacts import write_text
from babyllama.errors import TrainingError

LOSS_COLUMNS = (
    "step",
    "epoch",
    "tokens_seen",
    "words_seen",
    "train_loss",
    "eval_loss",
    "learning_rate",
    "tokens_per_second",
)
"""Columns of losses.csv."""

_FORMATS = {
    # Nine digits name an fp32 number exactly, so that two runs can be compared by their files.
    "train_loss": ".9g",
    "eval_loss": ".9g",
    "epoch": ".4f",
    "learning_rate": ".6g",
    "tokens_per_second": ".1f",
    "accuracy": ".6f",
}


class RowsFile:
    """Writer of one such file; only the first process has one. The first column is `step`."""

    def __init__(self, path: Path, columns: Sequence[str] = LOSS_COLUMNS, *, resume_step: int | None = None) -> None:
        """Start the file anew, or keep its rows up to and including `resume_step`."""
        self.path, self.columns = path, columns
        kept = [] if resume_step is None else [row for row in read_rows(path) if int(row["step"]) <= resume_step]
        write_text(path, _lines([list(columns), *([row.get(name, "") for name in columns] for row in kept)]))

    def take_back(self, step: int) -> dict[str, Any] | None:
        """Remove the last row and return it, if it is that of `step`: it was written before it was complete."""
        rows = read_rows(self.path)
        if not rows or int(rows[-1]["step"]) != step:
            return None
        write_text(
            self.path, _lines([list(self.columns), *([row[name] for name in self.columns] for row in rows[:-1])])
        )
        return {**rows[-1]}

    def append(self, row: dict[str, Any]) -> None:
        """Add `row` in one write."""
        line = _lines([[_text(name, row.get(name)) for name in self.columns]])
        try:
            with self.path.open("a", encoding="utf-8", newline="") as handle:
                handle.write(line)
        except OSError as error:
            raise TrainingError(
                f"cannot write {self.path}: {error.strerror or error}. Free some space or choose another "
                "logging.output_dir; --resume_from_checkpoint continues from the last checkpoint."
            ) from error


def read_rows(path: Path) -> list[dict[str, str]]:
    """The whole rows of such a file, as text by column; a last line cut off by a kill is left out."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    rows = csv.DictReader(io.StringIO(whole))
    return [row for row in rows if row.get("step", "").isdigit() and None not in row.values()]


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and math.isfinite(value) and name in _FORMATS:
        return format(value, _FORMATS[name])
    return str(value)


def _lines(rows: list[list[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
