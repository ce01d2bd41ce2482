"""Write the synthetic corpus, its dev text and its minimal pairs, each folder whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babyllama.artifacts import (
    MANIFEST_NAME,
    Manifest,
    atomic_folder,
    fingerprint_file,
    fingerprint_files,
    recover_folder,
)
from babyllama.corpus.synthetic.pairs import write_pairs
from babyllama.corpus.synthetic.paradigms import PARADIGMS
from babyllama.corpus.synthetic.stories import cut, stories
from babyllama.corpus.synthetic.vocabulary import COMPLEXITIES
from babyllama.errors import DataError

STAGE = "synthetic"
TRAIN_FOLDER = "babylm_10M_clean"
DEV_FOLDER = "babylm_dev_clean"
PAIRS_FOLDER = "blimp_synthetic"
SEPARATOR = "<|endoftext|>"

# Dev text: enough to measure a loss on, and no more than is useful, whatever the size of the corpus.
_DEV_WORDS = (2_000, 500_000)
# Left behind by file managers and version control; no text of anybody's.
_IGNORED = {".DS_Store", ".gitkeep"}
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
    words_per_second: float | None
    """Speed of writing the training text; None when it was up to date."""
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
    progress: Callable[[int], None] | None = None,
) -> SyntheticReport:
    """Write English-like text from a seeded grammar below `output_dir`, with dev text and minimal pairs.

    `babylm_10M_clean/synthetic.train` gets at most `num_words` words (the last document ends early with a sentence),
    `babylm_dev_clean/synthetic.dev` a share `dev_fraction` of that from a random stream of its own, `blimp_synthetic/`
    one BLiMP file of `pairs_per_paradigm` pairs per
    paradigm. The bytes depend on the arguments alone. A folder whose manifest and files match is
    kept. `progress` is called with the number of words written so far.

    Raises DataError for arguments out of range and for a folder that holds anything this function did not write;
    nothing is written then. Memory does not grow with `num_words`.
    """
    _check(num_words, complexity, seed, dev_fraction, pairs_per_paradigm)
    root = Path(output_dir)
    settings = {"complexity": complexity, "seed": seed}
    dev_words = min(max(round(num_words * dev_fraction), _DEV_WORDS[0]), _DEV_WORDS[1], num_words)

    def text(name: str, words: int, stream: str) -> Callable[[Path], dict[str, Any]]:
        return lambda folder: _write_text(folder / name, stories(complexity, stream), words, progress)

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
    inputs = {"grammar": fingerprint_files(sorted(Path(__file__).parent.glob("*.py")))}
    for folder in parts:
        _refuse_foreign(root / folder)
    written: dict[str, str] = {}
    seconds = 0.0
    for folder, (wanted, write) in parts.items():
        reason = _stale_reason(root / folder, inputs, wanted)
        if reason:
            written[folder] = reason
            started = time.perf_counter()
            with atomic_folder(root / folder) as temporary:
                outputs = write(temporary)
                outputs["files"] = {file.name: fingerprint_file(file) for file in sorted(temporary.iterdir())}
                Manifest(STAGE, inputs, wanted, outputs).write(temporary)
            seconds = time.perf_counter() - started
    facts = {folder: _outputs(root / folder) for folder in parts}
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
        words_per_second=facts[TRAIN_FOLDER]["words"] / seconds if TRAIN_FOLDER in written else None,
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


def _outputs(folder: Path) -> dict[str, Any]:
    manifest = Manifest.read(folder)
    return manifest.outputs if manifest and manifest.stage == STAGE else {}


def _refuse_foreign(folder: Path) -> None:
    """Raise DataError when `folder` holds anything that is not of our making: it would be lost."""
    recover_folder(folder)
    if not folder.exists():
        return
    advice = "Move it away, or choose another parent folder with --output-dir."
    if not folder.is_dir():
        raise DataError(f"{folder} is a file where synthetic text should go. {advice}")
    ours = {MANIFEST_NAME, *_outputs(folder).get("files", {})} if _outputs(folder) else set()
    foreign = sorted({entry.name for entry in folder.iterdir()} - ours - _IGNORED)
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise DataError(f"{folder} holds text that is not synthetic ({foreign[0]}{more}); it stays as it is. {advice}")


def _stale_reason(folder: Path, inputs: dict[str, str], settings: dict[str, Any]) -> str | None:
    manifest = Manifest.read(folder) if folder.exists() else None
    if manifest is None:
        return "not there yet"
    reason = manifest.stale_reason(inputs, settings)
    if reason:
        return "the grammar has changed" if reason.startswith("changed input") else reason
    for name, fingerprint in manifest.outputs["files"].items():
        file = folder / name
        if not file.is_file() or fingerprint_file(file) != fingerprint:
            return f"{name} was changed or is missing"
    return None


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


def _write_text(
    path: Path, documents: Iterator[str], num_words: int, progress: Callable[[int], None] | None
) -> dict[str, Any]:
    total = count = 0
    with path.open("w", encoding="ascii", newline="\n", buffering=_BUFFER_BYTES) as handle:
        for text, words in _limited(documents, num_words):
            handle.write(f"{SEPARATOR}\n{text}\n" if count else f"{text}\n")
            total += words
            count += 1
            if progress and count % 4096 == 0:
                progress(total)
    return {"words": total, "documents": count, "bytes": path.stat().st_size}


def _write_pairs(folder: Path, complexity: str, seed: int, pairs_per_paradigm: int) -> dict[str, Any]:
    paradigms = pairs = 0
    for uid, text in write_pairs(PARADIGMS, complexity, seed, pairs_per_paradigm):
        (folder / f"{uid}.jsonl").write_text(text, encoding="utf-8", newline="\n")
        paradigms += 1
        pairs += text.count("\n")
    return {"paradigms": paradigms, "pairs": pairs}
