"""CSV files that grow with a run: never a row twice, never one missing, never one changed.

A row reaches the disk before the checkpoint of its step does. Resuming cuts the file back to the checkpoint's step, so
the rows after a kill are the rows of a run that was left alone.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama import console
from babyllama.artifacts import fingerprint_bytes, read_bytes, read_text, write_text
from babyllama.errors import DamagedFileError, TrainingError
from babyllama.text import one_line

if TYPE_CHECKING:
    import numpy as np
    import pyarrow

Columns = dict[str, "np.ndarray"]
"""Columns of such a file by name, float64 [rows]; an empty cell is NaN."""

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

    def __init__(
        self,
        path: Path,
        columns: Sequence[str] = LOSS_COLUMNS,
        *,
        resume_step: int | None = None,
        fingerprint: str | None = None,
    ) -> None:
        """Start the file anew, or keep its rows up to and including `resume_step`.

        `fingerprint` is what `fingerprint_until` gave when the checkpoint was saved: `DamagedFileError` when the rows are
        others now; a file that is gone begins anew with a warning.
        """
        self.path, self.columns = path, columns
        kept = [] if resume_step is None else [row for row in read_rows(path) if int(row["step"]) <= resume_step]
        text = self._text(kept)
        if fingerprint is not None and fingerprint != fingerprint_bytes(text.encode()):
            if path.exists():
                raise DamagedFileError(
                    f"{path} is damaged: its rows up to step {resume_step} have changed since the checkpoint was saved. Put it "
                    "back from a copy, or remove it: the curve then begins after the checkpoint."
                )
            console.warn(f"{path} is gone: the curve begins anew after step {resume_step}")
        write_text(path, text)

    def fingerprint_until(self, step: int) -> str:
        """Fingerprint of the file's rows up to and including `step`."""
        return fingerprint_bytes(self._text([row for row in read_rows(self.path) if int(row["step"]) <= step]).encode())

    def take_back(self, step: int) -> dict[str, Any] | None:
        """Remove the last row and return it, if it is that of `step`: it was written before it was complete."""
        rows = read_rows(self.path)
        if not rows or int(rows[-1]["step"]) != step:
            return None
        write_text(self.path, self._text(rows[:-1]))
        return {**rows[-1]}

    def append(self, row: dict[str, Any]) -> None:
        """Add `row` in one write."""
        line = _lines([[_cell(name, row.get(name)) for name in self.columns]])
        try:
            with self.path.open("a", encoding="utf-8", newline="") as handle:
                handle.write(line)
        except OSError as error:
            raise TrainingError(
                f"cannot write {self.path}: {error.strerror or error}. Free some space or choose another "
                "logging.output_dir; --resume_from_checkpoint continues from the last checkpoint."
            ) from error

    def _text(self, rows: Sequence[dict[str, str]]) -> str:
        return _lines([list(self.columns), *([row.get(name, "") for name in self.columns] for row in rows)])


def read_rows(path: Path) -> list[dict[str, str]]:
    """The whole rows of such a file, as text by column; a last line cut off by a kill is left out.

    `DamagedFileError` when it is no such file.
    """
    if not path.exists():
        return []
    text = read_text(path)
    try:
        rows = list(csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1])))
    except csv.Error as error:
        raise DamagedFileError(f"{path} is damaged: {error}. Put it back from a copy, or remove it.") from error
    return [row for row in rows if (row.get("step") or "").isdecimal() and None not in row.values()]


def read_numbers(path: Path) -> list[dict[str, float | None]]:
    """The rows of such a file as numbers; an empty cell is None. `DamagedFileError` for a cell that is no number."""
    numbers = []
    for row in read_rows(path):
        try:
            numbers.append({name: float(cell) if cell else None for name, cell in row.items()})
        except (ValueError, TypeError) as error:
            raise DamagedFileError(
                f"{path} is damaged: step {row['step']} has a cell that is no number ({error}). Put the file back from a copy."
            ) from error
    return numbers


def read_columns(path: Path) -> Columns:
    """The whole rows of such a file by column, for files of millions of rows; {} for one without a row, or for no file.

    A last line cut off by a kill is left out. `DamagedFileError` for a cell that is no number.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv as arrow

    if not path.exists():
        return {}
    data = read_bytes(path)
    data = data[: data.rfind(b"\n") + 1]
    try:
        if not data.isascii():  # pyarrow's handler of invalid rows prints a traceback over bytes that are no text
            data.decode()
        names = next(csv.reader([data[: data.find(b"\n")].decode()]), [])
        if not names or data.find(b"\n") == len(data) - 1:
            return {}
        if len(set(names)) < len(names):
            raise csv.Error("two columns have one name")
        table = arrow.read_csv(
            pa.BufferReader(data),
            parse_options=arrow.ParseOptions(invalid_row_handler=lambda row: "skip"),
            convert_options=arrow.ConvertOptions(column_types=dict.fromkeys(names, pa.float64()), null_values=[""]),
        )
    except (csv.Error, UnicodeDecodeError) as error:
        raise DamagedFileError(f"{path} is damaged: {error}. Put the file back from a copy.") from error
    except pa.ArrowInvalid as error:
        raise DamagedFileError(
            f"{path} is damaged: it has a cell that is no number ({one_line(str(error))}). Put the file back from a copy."
        ) from error
    return {name: np.concatenate([np.zeros(0), *map(_floats, table[name].chunks)]) for name in table.column_names}


def _floats(array: pyarrow.DoubleArray) -> np.ndarray:
    """float64 [N], NaN for an empty cell. Arrow's own conversion imports pandas: 0.3 s."""
    import numpy as np

    present, values = array.buffers()
    place = slice(array.offset, array.offset + len(array))
    numbers = np.frombuffer(values or b"", np.float64)[place].copy()
    if array.null_count:
        numbers[np.unpackbits(np.frombuffer(present, np.uint8), bitorder="little")[place] == 0] = np.nan
    return numbers


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and math.isfinite(value) and name in _FORMATS:
        return format(value, _FORMATS[name])
    return str(value)


def _lines(rows: list[list[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
