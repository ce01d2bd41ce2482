"""Surprisal of every word of a text.

babyllama surprisal MODEL --text sentences.txt                     one sentence per line; CSV on stdout
babyllama surprisal MODEL --text sentences.txt --output words.tsv  TSV (or .csv, .jsonl) into a file
echo "The cat sleeps." | babyllama surprisal MODEL --text -        from standard input

Columns: sentence (line number), index (of the word), word, start, end (characters in the line), tokens (sub-words),
surprisal (bits, plain sum over sub-words), surprisal_corrected (bits, with the space counted to the word it follows).
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, Any

from babyllama.cli.evaluate import add_model_arguments, load
from babyllama.console import json_text

FORMATS = ("csv", "tsv", "jsonl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the text and where the rows go."""
    parser.add_argument("model", metavar="MODEL", help="run folder, model folder, checkpoint or Hub name")
    parser.add_argument(
        "--text", required=True, metavar="FILE", help="UTF-8 text, one sentence per line; - reads stdin"
    )
    parser.add_argument("--output", metavar="FILE", help="where the rows go (default: stdout)")
    parser.add_argument("--format", choices=FORMATS, help="default: by the output's suffix, else csv")
    parser.add_argument(
        "--whole-text", action="store_true", help="read the whole file as one text instead of one text per line"
    )
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write the rows; with --output the file appears when it is complete."""
    from babyllama.artifacts import atomic_file
    from babyllama.errors import DataError
    from babyllama.runs import locate_model

    suffix = Path(args.output).suffix.lstrip(".") if args.output else ""
    form = args.format or (suffix if suffix in FORMATS else "csv")
    lines = _lines(args.text)
    if not any(line.strip() for line in lines):
        raise DataError(f"--text {args.text}: there is no text in it.")
    locate_model(args.model)  # a mistyped path is answered before any model library is imported
    from babyllama.device import set_threads
    from babyllama.evaluation.surprisal import surprisal

    set_threads()
    loaded = load(args, args.model)
    rows = surprisal(loaded, ["\n".join(lines)] if args.whole_text else lines)
    if args.output is None:
        _write(sys.stdout, rows, form)
        return 0
    with atomic_file(args.output) as handle:
        count = _write(handle, rows, form)
    if not args.quiet:
        print(f"{count:,} words: {args.output}", file=sys.stderr)
    return 0


def _lines(text: str) -> list[str]:
    """The lines of the file (of standard input for -), without a byte-order mark; parted at line feeds only."""
    from babyllama.artifacts import read_bytes
    from babyllama.errors import DamagedFileError, DataError

    try:
        data = sys.stdin.buffer.read() if text == "-" else read_bytes(text)
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"--text {text}: not UTF-8 text ({error.reason} at byte {error.start}).") from error
    except (OSError, DamagedFileError) as error:
        raise DataError(f"--text {text}: cannot be read ({getattr(error, 'strerror', None) or error}).") from error
    return [line.rstrip("\r") for line in (lines if lines[-1] else lines[:-1])]


def _write(handle: IO[str], rows: Iterable[Any], form: str) -> int:
    from babyllama.evaluation.surprisal import WordSurprisal

    count = 0
    if form == "jsonl":
        for row in rows:
            handle.write(json_text(asdict(row), stream=handle) + "\n")
            count += 1
        return count
    writer = csv.writer(handle, delimiter="\t" if form == "tsv" else ",", lineterminator="\n")
    names = [field.name for field in fields(WordSurprisal)]
    writer.writerow(names)
    for row in rows:
        cells = (getattr(row, name) for name in names)
        writer.writerow(["" if c is None else f"{c:.6f}" if isinstance(c, float) else c for c in cells])
        count += 1
    return count
