"""Train a tokenizer on the text in a folder, and measure it on held-out text.

train_tokenizer.py                                          16,000 entries from data/babylm_10M_clean
train_tokenizer.py --data-dir my_texts --vocab-size 8000 --output models/mine.json
train_tokenizer.py --vocab-size 8000,16000,32000            train several and compare them
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from babyllama import console
from babyllama.errors import ConfigError, DataError

if TYPE_CHECKING:
    from babyllama.tokenizer import TokenizerReport

DEFAULT_TEXT, DEFAULT_HELD_OUT = "./data/babylm_10M_clean", "./data/babylm_dev_clean"
DEFAULT_OUTPUT = "./models/gpt-clean-{size}.json"
HELD_OUT_EVERY = 50
"""Without held-out text, every 50th document is left out of the training and measured instead."""
MOST_CHARACTERS = 5_000_000
"""Held-out text that is measured of each file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where text comes from, what is trained, where it goes."""
    add = parser.add_argument
    add("--data-dir", default=DEFAULT_TEXT, metavar="PATH", help="training text: file, folder or glob")
    add("--vocab-size", default="16000", metavar="N[,N...]", help="entries, 259 to 65536; several are compared")
    add(
        "--output",
        "--output-path",
        "--output-dir",
        metavar="PATH",
        help=f"where to save: x.json (and the folder x/ beside it) or a folder; default {DEFAULT_OUTPUT}",
    )
    add("--type", choices=("bpe", "unigram", "wordpiece"), default="bpe", help="algorithm (default bpe)")
    add("--min-frequency", type=int, default=2, metavar="N", help="least number of times a merge must occur")
    add("--nfkc", action="store_true", help="normalise to NFKC (decoding then gives the normalised text)")
    add("--add-prefix-space", action="store_true", help="put a space before the first word of a text")
    add("--mask-token", action="store_true", help="make <mask> the last entry, for objectives that hide tokens")
    add("--add-bos", action="store_true", help="let tokenizer(text) put <s> in front")
    add(
        "--eval-text",
        metavar="PATH",
        help="held-out text to measure on; default: the .dev or .test files in --data-dir, for its default "
        f"{DEFAULT_HELD_OUT}, else every {HELD_OUT_EVERY}th document, which is left out of the training",
    )
    add("--errors", choices=("strict", "replace"), default="strict", help="what to do with broken UTF-8")
    add("--overwrite", action="store_true", help="train again even if what is there is up to date or not ours")


def run(args: argparse.Namespace) -> int:
    """Train or reuse each size, then print what it does to held-out text."""
    from babyllama.corpus.held_out import apart
    from babyllama.corpus.reading import corpus_files, read_documents
    from babyllama.tokenizer import build_tokenizer, compare, describe_domains, load_fast

    sizes = _sizes(args.vocab_size)
    sections = {size: _section(args, size) for size in sizes}
    paths = {size: _output(args.output, size, several=len(sizes) > 1) for size in sizes}
    files = corpus_files(args.data_dir, key="--data-dir")
    held_out = _held_out_files(args, files)
    kept = apart(files, held_out, key="--eval-text")
    if not kept:
        console.warn("--eval-text is the training text itself: figures on it say nothing about other text.")
    files = kept or files

    def text() -> Iterator[str]:
        return read_documents(files, errors=args.errors)

    every = HELD_OUT_EVERY if not held_out and any(islice(text(), HELD_OUT_EVERY - 1, HELD_OUT_EVERY)) else None
    measured_on = ", ".join(map(str, held_out)) or (
        f"every {every}th document" if every else "the training text itself"
    )

    reports: dict[str, TokenizerReport] = {}
    for size, section in sections.items():
        build_tokenizer(
            lambda: _training_part(text(), every),
            files,
            section,
            paths[size],
            overwrite=args.overwrite,
            keep_foreign=False,
            left_out=f"every {every}th document" if every else None,
            progress=not console.is_quiet() and sys.stderr.isatty(),
        )
        domains = {file.name: _measured(read_documents([file], errors=args.errors)) for file in held_out} or {
            measured_on: _measured(islice(text(), every - 1, None, every) if every else text())
        }
        reports[paths[size].name] = describe_domains(load_fast(paths[size]), domains)
    if not held_out and not every:
        console.say(
            f"no held-out text, and fewer than {HELD_OUT_EVERY} documents to leave one out (--eval-text names other text)"
        )
    print(f"measured on {measured_on}")
    if len(reports) == 1:
        print("\n".join(next(iter(reports.values())).lines()))
    else:
        print("\n".join(compare(reports)))
    for path in paths.values():
        folder = f" and {path.with_suffix('')}/" if path.suffix == ".json" else ""
        print(f"saved: {path}{folder}")
    return 0


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(part.replace("_", "")) for part in str(text).split(",") if part.strip()]
    except ValueError as error:
        raise ConfigError(f"--vocab-size = {text}: not a whole number, or several with commas (8000,16000).") from error
    if not sizes:
        raise ConfigError("--vocab-size is empty. Give a whole number, for example 16000.")
    return list(dict.fromkeys(sizes))


def _section(args: argparse.Namespace, size: int):  # type: ignore[no-untyped-def]
    from pydantic import ValidationError

    from babyllama.config.sections import TokenizerSection

    try:
        return TokenizerSection(
            type=args.type,
            vocab_size=size,
            min_frequency=args.min_frequency,
            nfkc=args.nfkc,
            add_prefix_space=args.add_prefix_space,
            mask_token=args.mask_token or None,
            add_bos=args.add_bos,
        )
    except ValidationError as error:
        mistakes = "; ".join(
            f"--{str(item['loc'][0]).replace('_', '-')} = {item['input']}: {item['msg'].lower()}"
            for item in error.errors()
        )
        raise ConfigError(f"{mistakes}.") from error


def _output(output: str | None, size: int, *, several: bool) -> Path:
    """Where the tokenizer of `size` goes; several sizes need several names."""
    if output is None:
        return Path(DEFAULT_OUTPUT.format(size=size))
    path = Path(output)
    if not several:
        return path
    stem = path.stem if path.suffix == ".json" else path.name
    head, _, tail = stem.rpartition("-")
    return path.with_name(
        f"{head if head and tail.isdigit() else stem}-{size}{'.json' if path.suffix == '.json' else ''}"
    )


def _held_out_files(args: argparse.Namespace, training: list[Path]) -> list[Path]:
    """Held-out text of the same kind as the training text; none when a slice has to be left out for it."""
    from babyllama.corpus.reading import corpus_files

    if args.eval_text:
        return corpus_files(args.eval_text, key="--eval-text")
    with console.quiet():  # what is left out of the folder was said when the training text was looked for
        beside = [file for file in corpus_files(args.data_dir, key="--eval-text") if file not in training]
    if beside or Path(args.data_dir) != Path(DEFAULT_TEXT):
        return beside
    try:
        return corpus_files(DEFAULT_HELD_OUT, key="--eval-text")
    except DataError:
        return []


def _training_part(documents: Iterator[str], every: int | None) -> Iterator[str]:
    for number, document in enumerate(documents, start=1):
        if every is None or number % every:
            yield document


def _measured(documents: Iterator[str]) -> Iterator[str]:
    """Documents up to the number of characters that is measured."""
    left = MOST_CHARACTERS
    for document in documents:
        yield document[:left]
        left -= len(document)
        if left <= 0:
            return
