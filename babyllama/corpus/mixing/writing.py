"""The files of a mix: the text, and beside it the table of its units."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from babyllama.corpus.mixing.units import Unit
from babyllama.corpus.reading import SEPARATOR
from babyllama.corpus.reading.files import UNITS_SUFFIX
from babyllama.text import csv_cell

_END = f"\n{SEPARATOR}\n".encode()


def units_name(name: str) -> str:
    """The name of the table that belongs to the text file `name`."""
    return name + UNITS_SUFFIX


class MixWriter:
    """Writes units to a text file and its table. Pieces that follow their own document become one document."""

    def __init__(self, path: Path) -> None:
        self._text = path.open("wb", buffering=1 << 20)
        self._table = path.with_name(units_name(path.name)).open("w", encoding="utf-8", newline="\n")
        self._table.write("source\tdocument\tpiece\toffset\tbytes\n")
        self._offset = 0
        self._last: tuple[str, int, int] | None = None

    def __enter__(self) -> MixWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._last and kind is None:
                self._text.write(_END)
        finally:
            try:
                self._text.close()
            finally:
                self._table.close()

    def add(self, source: str, unit: Unit) -> None:
        """Write the next unit."""
        data, document, piece, gap, _ = unit
        if self._last:
            between = gap if self._last == (source, document, piece - 1) else _END
            self._text.write(between)
            self._offset += len(between)
        self._text.write(data)
        self._table.write(f"{csv_cell(source)}\t{document}\t{piece}\t{self._offset}\t{len(data)}\n")
        self._offset += len(data)
        self._last = (source, document, piece)
