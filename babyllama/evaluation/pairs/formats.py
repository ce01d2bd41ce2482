"""The formats that minimal pairs come in, by name. A file is read as the format that was asked for, never as one that was guessed.

A format says which files it is found in, how their text becomes rows, and which columns of a row hold what.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from babyllama.errors import DataError
from babyllama.evaluation.pairs.blimp import field_and_term
from babyllama.evaluation.pairs.sets import MinimalPair
from babyllama.registry import Registry
from babyllama.text import has_control_characters, listed

TABLES = (".jsonl", ".csv", ".tsv")
Row = dict[str, Any]
Rows = Iterator[tuple[str, Row]]
"""(where it stands, for messages; columns by name)"""


@dataclass(frozen=True)
class PairFormat:
    """One way of writing minimal pairs down."""

    name: str
    title: str
    """What it is, for lists and messages."""
    good: str = "sentence_good"
    """Column of the acceptable sentence."""
    bad: str = "sentence_bad"
    group: str = "UID"
    """Column of the paradigm; where it is empty or absent, a file is one paradigm with its name."""
    term: str = "linguistics_term"
    identity: tuple[str, ...] = ("pairID", "pair_id")
    """Columns of the number of a pair, the first that is there; without one pairs are numbered by position."""
    unique: bool = True
    """Must that number be unique within its paradigm?"""
    suffixes: tuple[str, ...] = TABLES
    """Of its files in a folder; each also with .gz."""
    known_by: tuple[str, ...] = ()
    """Columns by which a message recognises it; those of the two sentences where none are given."""
    rows: Callable[[str, str, str], Rows] = lambda text, name, stem: table_rows(text, name)
    """(text of a file, its name, its name without suffixes) -> rows."""

    def with_columns(self, good: str | None, bad: str | None, group: str | None) -> PairFormat:
        """The same with other columns where they are given."""
        return replace(self, good=good or self.good, bad=bad or self.bad, group=group or self.group)

    def pair(self, row: Row, where: str, stem: str, index: int) -> MinimalPair:
        """The pair in `row`; DataError saying `where` when it is none. `index` numbers pairs that have no number."""
        good, bad = (self._sentence(row, column, where) for column in (self.good, self.bad))
        uid = _name(row, self.group, where) or stem
        field, term = field_and_term(uid, _name(row, "field", where), _name(row, self.term, where))
        number = next((row[column] for column in self.identity if row.get(column) is not None), index)
        return MinimalPair(uid, str(number), good, bad, field, term)

    def _sentence(self, row: Row, column: str, where: str) -> str:
        value = row.get(column)
        if column not in row:
            raise DataError(f"{where}: no {column!r}. {self._hint(row)}")
        if not isinstance(value, str):
            raise DataError(f"{where}: not a text in {column!r}.")
        if not value.strip():
            raise DataError(f"{where}: {column!r} is empty; an empty sentence has no probability. Remove the pair.")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{where}: {column!r} holds half a character (a lone surrogate, at {error.start}): no text."
            ) from error
        return value

    def _hint(self, row: Row) -> str:
        """What the columns that are there may be."""
        known = next(
            (one for _, one in PAIR_FORMATS.items() if set(one.known_by or (one.good, one.bad)) <= set(row)), None
        )
        if known is not None and known.name != self.name:
            return f"Its columns are those of {known.title}: --pair-format {known.name}."
        if "conditions" in row or "items" in row:
            return "It is a SyntaxGym suite, whose predictions compare regions of several conditions: `--tasks syntaxgym --data FILE`."
        columns = listed([repr(name) for name in row], most=8) or "none"
        return (
            f"Its columns are {columns}; name the right ones with --good-column and --bad-column, or a --pair-format."
        )


def table_rows(text: str, name: str) -> Rows:
    """JSON lines, a JSON list of objects, or a table with a line of headings (.csv, .tsv); by the suffix of `name`."""
    suffix = "." + name.removesuffix(".gz").rpartition(".")[2].lower()
    if suffix in (".csv", ".tsv"):
        yield from _sheet(text, name, "\t" if suffix == ".tsv" else ",")
    elif suffix == ".json":
        value = _json(text, name)
        for number, row in enumerate(value if isinstance(value, list) else [value], 1):
            yield f"{name}, entry {number}", _object(row, f"{name}, entry {number}")
    else:
        # str.splitlines would part at characters that JSON may hold.
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                where = f"{name}, line {number}"
                yield where, _object(_json(line, where), where)


def _sheet(text: str, name: str, delimiter: str) -> Rows:
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="", strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{name}, line {reader.line_num}: no table row ({error}).") from error
        where = f"{name}, line {reader.line_num}"
        if "" in row:
            raise DataError(f"{where}: more cells than the {len(reader.fieldnames or ())} headings.")
        yield where, row


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise DataError(f"{where}: broken JSON ({reason}). A pair is one object with both sentences.") from error


def _object(value: Any, where: str) -> Row:
    if not isinstance(value, dict):
        raise DataError(f"{where}: a JSON {type(value).__name__} instead of an object with both sentences.")
    return value


def _name(row: Row, column: str, where: str) -> str | None:
    value = row.get(column)
    if value is None or value == "":
        return None
    if isinstance(value, dict | list) or not _is_name(str(value)):
        raise DataError(f"{where}: {column!r} is no name (one line of text without control characters).")
    return str(value)


@lru_cache
def _is_name(text: str) -> bool:
    """Thousands of pairs share their names."""
    return not has_control_characters(text)


def _zorro(text: str, name: str, stem: str) -> Rows:
    """Two lines a pair, the unacceptable sentence first; files are called phenomenon-paradigm.txt."""
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) % 2:
        raise DataError(f"{name}: {len(lines)} lines, an odd number; in Zorro's format two lines are a pair.")
    for index in range(0, len(lines), 2):
        row = {"sentence_bad": lines[index].strip(), "sentence_good": lines[index + 1].strip()}
        yield f"{name}, pair {index // 2 + 1}", {**row, "UID": stem, "linguistics_term": stem.partition("-")[0]}


def _climp(text: str, name: str, stem: str) -> Rows:
    """One sentence a row with label 1 (acceptable) or 0; the two of one minimal_pair_id are a pair."""
    halves: dict[tuple[str, str], dict[str, Row]] = {}
    for where, row in table_rows(text, name):
        missing = [column for column in ("sentence", "label", "minimal_pair_id") if row.get(column) is None]
        if missing:
            raise DataError(
                f"{where}: no {missing[0]!r}; CLiMP's columns are sentence, label, minimal_pair_id, phenomenon."
            )
        key, label = (str(row.get("phenomenon") or stem), str(row["minimal_pair_id"])), str(row["label"]).strip()
        if label not in ("0", "1") or label in halves.setdefault(key, {}):
            raise DataError(f"{where}: pair {key[1]!r} of {key[0]} needs one sentence of label 1 and one of label 0.")
        halves[key][label] = {"sentence": row["sentence"], "where": where}
    for (uid, number), both in halves.items():
        if len(both) < 2:
            where = next(iter(both.values()))["where"]
            raise DataError(f"{where}: pair {number!r} of {uid} has one sentence; a minimal pair has two.")
        sentences = {"sentence_good": both["1"]["sentence"], "sentence_bad": both["0"]["sentence"]}
        yield both["1"]["where"], {**sentences, "UID": uid, "linguistics_term": uid, "pairID": number}


PAIR_FORMATS: Registry[PairFormat] = Registry("pair format", error=DataError)
"""`--pair-format` -> how such files are read."""

for _format in (
    PairFormat("blimp", "BLiMP (sentence_good, sentence_bad)"),
    PairFormat("blimp-nl", "BLiMP-NL (BLiMP's columns; a pairID may stand several times)", unique=False),
    PairFormat(
        "multiblimp", "MultiBLiMP (sen, wrong_sen)", good="sen", bad="wrong_sen", group="phenomenon", term="phenomenon"
    ),
    PairFormat(
        "climp",
        "CLiMP (sentence, label, minimal_pair_id)",
        suffixes=(".csv", ".tsv"),
        known_by=("sentence", "label", "minimal_pair_id"),
        rows=_climp,
    ),
    PairFormat("zorro", "Zorro (two lines a pair, the unacceptable first)", suffixes=(".txt",), rows=_zorro),
):
    PAIR_FORMATS.register(_format.name, _format)
