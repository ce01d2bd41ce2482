"""Documents in a seeded random order, for corpora larger than memory."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from babyllama.corpus.mixing.units import Unit


def shuffled(units: Iterator[Unit], folder: Path, seed: list[int]) -> Iterator[Unit]:
    """The units with their documents in random order; the pieces of a document stay in order behind one another.

    The units are first written to a temporary file in `folder`; 16 bytes per document stay in memory. The same `seed`
    gives the same order.
    """
    with tempfile.TemporaryFile(dir=folder) as store:
        starts = array("q")
        last = None
        for unit in units:
            if unit.document != last:
                starts.append(store.tell())
                last = unit.document
            header = np.array([len(unit.data), unit.document, unit.piece, len(unit.gap), unit.size], dtype=np.int64)
            store.write(header.tobytes() + unit.data + unit.gap)
        ends = np.array([*starts[1:], store.tell()], dtype=np.int64)
        for number in np.random.default_rng(seed).permutation(len(starts)):
            store.seek(starts[number])
            while store.tell() < ends[number]:
                length, document, piece, gap, size = np.frombuffer(store.read(40), dtype=np.int64).tolist()
                yield Unit(store.read(length), document, piece, store.read(gap), size)
