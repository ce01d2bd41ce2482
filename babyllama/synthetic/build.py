"""Write the synthetic corpus, its dev text and its minimal pairs, each folder whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babyllama import console
from babyllama.artifacts import Built, Manifest, build_or_reuse, fingerprint_files, recover_folder, refuse_foreign
from babyllama.corpus.reading import SEPARATOR
from babyllama.errors import DataError, RunError
from babyllama.synthetic.pairs import write_pairs
from babyllama.synthetic.paradigms import PARADIGMS
from babyllama.synthetic.stories import cut, stories
from babyllama.synthetic.vocabulary import COMPLEXITIES

STAGE = "synthetic"
TRAIN_FOLDER = "babylm_10M_clean"
DEV_FOLDER = "babylm_dev_clean"
PAIRS_FOLDER = "blimp_synthetic"

# Dev text: enough to measure a loss on, and no more than is useful, whatever the size of the corpus.
_DEV_WORDS = (2_000, 500_000)
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True)
class SyntheticReport:
    """What a synthetic corpus consists of. Words are separated by white space; sizes are in bytes."""

    train: Path
    dev: Path
    pairs: Path
    words: int
    documents: int
    size: int
    dev_words: int
    dev_documents: int
    paradigms: int
    num_pairs: int
    written: dict[str, str]
    """Folder name -> why it was written; empty when everything was up to date."""

    @property
    def reused(self) -> bool:
        """Whether everything was up to date already."""
        return not self.written


def synthesize(
    output_dir: str | Path = "data",
    *,
    num_words: int = 500_000,
    complexity: str = "medium",
    seed: int = 42,
    dev_fraction: float = 0.05,
    pairs_per_paradigm: int = 200,
) -> SyntheticReport:
    """Write English-like text from a seeded grammar below `output_dir`, with dev text and minimal pairs.

    `babylm_10M_clean/synthetic.train` gets at most `num_words` words (the last document ends early with a sentence),
    `babylm_dev_clean/synthetic.dev` a share `dev_fraction` of that from a random stream of its own, `blimp_synthetic/`
    one BLiMP file of `pairs_per_paradigm` pairs per
    paradigm. The bytes depend on the arguments alone. A folder whose manifest and files match is
    kept.

    Raises DataError for arguments out of range and for a folder that holds anything this function did not write;
    nothing is written then. Memory does not grow with `num_words`.
    """
    _check(num_words, complexity, seed, dev_fraction, pairs_per_paradigm)
    root = Path(output_dir)
    settings = {"complexity": complexity, "seed": seed}
    dev_words = min(max(round(num_words * dev_fraction), _DEV_WORDS[0]), _DEV_WORDS[1], num_words)

    def text(name: str, words: int, stream: str) -> Callable[[Path], dict[str, Any]]:
        return lambda folder: _write_text(folder / name, stories(complexity, stream), words)

    parts: dict[str, tuple[dict[str, Any], Callable[[Path], dict[str, Any]]]] = {
        PAIRS_FOLDER: (
            settings | {"pairs_per_paradigm": pairs_per_paradigm},
            lambda folder: _write_pairs(folder, complexity, seed, pairs_per_paradigm),
        ),
        DEV_FOLDER: (
            settings | {"num_words": dev_words, "split": "dev"},
            text("synthetic.dev", dev_words, f"dev {seed}"),
        ),
        TRAIN_FOLDER: (
            settings | {"num_words": num_words, "split": "train"},
            text("synthetic.train", num_words, f"train {seed}"),
        ),
    }
    for folder in parts:
        _refuse_foreign(root / folder)
    with _nothing_left_behind(root) as built:
        for folder, (inputs, write) in parts.items():
            _build(root / folder, inputs, write, built)
    facts = {folder: built[root / folder].manifest.outputs for folder in parts}
    written = {folder: reason for folder in parts if (reason := built[root / folder].reason)}
    return SyntheticReport(
        train=root / TRAIN_FOLDER / "synthetic.train",
        dev=root / DEV_FOLDER / "synthetic.dev",
        pairs=root / PAIRS_FOLDER,
        words=facts[TRAIN_FOLDER]["words"],
        documents=facts[TRAIN_FOLDER]["documents"],
        size=facts[TRAIN_FOLDER]["bytes"],
        dev_words=facts[DEV_FOLDER]["words"],
        dev_documents=facts[DEV_FOLDER]["documents"],
        paradigms=facts[PAIRS_FOLDER]["paradigms"],
        num_pairs=facts[PAIRS_FOLDER]["pairs"],
        written=written,
    )


def _check(num_words: int, complexity: str, seed: int, dev_fraction: float, pairs_per_paradigm: int) -> None:
    problems = []
    if num_words < 1:
        problems.append(f"the number of words must be at least 1, not {num_words} (--num-tokens)")
    if complexity not in COMPLEXITIES:
        problems.append(f"unknown complexity {complexity!r}: choose {', '.join(COMPLEXITIES)} (--complexity)")
    if seed < 0:
        problems.append(f"the seed must not be negative, not {seed} (--seed)")
    if not 0 < dev_fraction <= 1:
        problems.append(f"the share of dev text must be above 0 and at most 1, not {dev_fraction}")
    if pairs_per_paradigm < 1:
        problems.append(f"there must be at least 1 pair per paradigm, not {pairs_per_paradigm}")
    if problems:
        raise DataError("cannot write synthetic text: " + "; ".join(problems) + ".")


def _build(
    folder: Path, settings: dict[str, Any], write: Callable[[Path], dict[str, Any]], built: dict[Path, Built]
) -> None:
    """Make or reuse one of the folders and enter it in `built`."""
    built[folder] = build_or_reuse(
        folder,
        STAGE,
        inputs={"grammar": fingerprint_files(sorted(Path(__file__).parent.glob("*.py")))},
        settings=settings,
        write=write,
        title=f"synthetic text {folder}",
        own=_own_files(folder),
    )
    if not built[folder].reused:
        console.say(f"wrote {folder}")


@contextlib.contextmanager
def _nothing_left_behind(root: Path) -> Iterator[dict[Path, Built]]:
    """Give a table to enter the folders in as they are made; those that are new go when an exception ends the block.

    So does `root` where it was made for them.
    """
    made = [place for place in (root, *root.parents) if not place.exists()]
    built: dict[Path, Built] = {}
    try:
        yield built
    except BaseException:
        for folder, one in built.items():
            if one.reason == "not there yet":
                shutil.rmtree(folder, ignore_errors=True)
        for place in made:
            with contextlib.suppress(OSError):
                place.rmdir()
        raise


def _own_files(folder: Path) -> Collection[str]:
    manifest = Manifest.read(folder) if folder.is_dir() else None
    return manifest.files if manifest and manifest.stage == STAGE else ()


def _refuse_foreign(folder: Path) -> None:
    """Raise DataError when `folder` holds anything that is not of our making: it would be lost."""
    recover_folder(folder)
    try:
        refuse_foreign(folder, _own_files(folder))
    except RunError as error:
        raise DataError(f"{error} Or choose another parent folder with --output-dir.") from error


def _limited(documents: Iterator[str], num_words: int) -> Iterator[tuple[str, int]]:
    """Documents and their words, up to `num_words` words in all; the first sentence comes whatever its length."""
    left = num_words
    while left > 0:
        text = next(documents)
        words = text.count(" ") + text.count("\n") + 1
        if words > left:
            text = cut(text, left, at_least_one=left == num_words)
            words, left = len(text.split()), 0
        if text:
            yield text, words
        left -= words


def _write_text(path: Path, documents: Iterator[str], num_words: int) -> dict[str, Any]:
    total = count = 0
    with (
        path.open("w", encoding="ascii", newline="\n", buffering=_BUFFER_BYTES) as handle,
        console.progress("words", num_words) as bar,
    ):
        for text, words in _limited(documents, num_words):
            handle.write(f"{SEPARATOR}\n{text}\n" if count else f"{text}\n")
            total += words
            count += 1
            if count % 4096 == 0:
                bar(total)
    return {"words": total, "documents": count, "bytes": path.stat().st_size}


def _write_pairs(folder: Path, complexity: str, seed: int, pairs_per_paradigm: int) -> dict[str, Any]:
    paradigms = pairs = 0
    for uid, text in write_pairs(PARADIGMS, complexity, seed, pairs_per_paradigm):
        (folder / f"{uid}.jsonl").write_text(text, encoding="utf-8", newline="\n")
        paradigms += 1
        pairs += text.count("\n")
    return {"paradigms": paradigms, "pairs": pairs}
