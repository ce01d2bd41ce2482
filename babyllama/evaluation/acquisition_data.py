"""What age of acquisition is measured on: children's words in contexts, and how surprising a model finds them there."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from babyllama.artifacts import read_object, read_text
from babyllama.errors import DamagedFileError, DataError

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel

CONTEXTS_IN_ALL = 8005
"""In the published file."""
AGES = tuple(range(16, 31))
"""Months of age."""


@dataclass(frozen=True)
class AoaData:
    """Words with the contexts they come after, and how many children of each age say them."""

    contexts: dict[str, list[str]]
    children: dict[str, np.ndarray]
    """word -> share of children at each of `AGES`, NaN where it is not known."""

    @property
    def count(self) -> int:
        """Contexts of all words."""
        return sum(map(len, self.contexts.values()))


def word_surprisals(loaded: LoadedModel, contexts: dict[str, list[str]], backend: Any) -> list[float | None]:
    """-ln P(word | context and a space), summed over the word's tokens; None where it is no number."""
    from babyllama.evaluation.choices.encoding import encode_options
    from babyllama.evaluation.choices.items import Option
    from babyllama.evaluation.scoring.backends import backend_of, scorer_for

    way = backend_of(loaded, backend)
    options = [Option.after(f"{one.strip()} ", word.strip()) for word, several in contexts.items() for one in several]
    encoded, _ = encode_options(loaded, options, way)
    sums = [-float(part.sum(dtype=np.float64)) for part in scorer_for(loaded, way).score(encoded)]
    return [value if math.isfinite(value) else None for value in sums]


def read_contexts(file: Path) -> dict[str, list[str]]:
    """cdi_childes.json: word -> contexts. Words of one letter are left out, as the pipeline does. DataError."""
    try:
        value = read_object(file)
        found = {word: [one["context"] for one in rows] for word, rows in value.items() if len(word) > 1}
    except (DamagedFileError, KeyError, TypeError) as error:
        raise DataError(
            f"{file} does not hold words with a list of contexts each ({error}). Fetch it again."
        ) from error
    odd = next((word for word, texts in found.items() for text in texts if not isinstance(text, str)), None)
    if odd is not None or not found:
        raise DataError(f"{file}: {f'a context of {odd!r} is no text' if odd else 'no words'}. Fetch it again.")
    return found


def read_children(file: Path) -> dict[str, np.ndarray]:
    """cdi_human.csv: word -> share of children who say it at each of `AGES`. DataError."""
    rows = list(csv.DictReader(io.StringIO(read_text(file), newline="")))
    months = [str(age) for age in AGES]
    missing = [name for name in ("word", *months) if not rows or name not in rows[0]]
    if missing:
        raise DataError(f"{file}: no column {missing[0]!r}. It is not the children's data.")
    found: dict[str, np.ndarray] = {}
    for number, row in enumerate(rows, 2):
        try:
            shares = np.array([float(row[month] or "nan") for month in months])
        except ValueError as error:
            raise DataError(f"{file}, line {number}: {error}.") from error
        found.setdefault(row["word"], shares)
    return found
