"""What a score is worth: guessing, a network that has learned nothing, and choosing the more frequent words."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Any

from babyllama import console
from babyllama.corpus.reading import corpus_files, read_documents
from babyllama.errors import BabyLlamaError
from babyllama.evaluation.choices.items import ChoiceSet
from babyllama.evaluation.pairs import PairSet
from babyllama.runs import ModelPlace, Run

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[^\w\s]")


def words_of(text: str) -> list[str]:
    """Words and marks of punctuation, in lower case."""
    return _WORD.findall(text.lower())


@dataclass(frozen=True)
class WordFrequencies:
    """How often each word stands in a training text."""

    counts: Mapping[str, int]
    total: int
    source: str

    def log_probability(self, text: str) -> float:
        """Sum over words of ln((count + 1) / (total + 1)): what a model that knows nothing but frequencies says."""
        scale = math.log(self.total + 1)
        return sum(math.log(self.counts.get(word, 0) + 1) - scale for word in words_of(text))


def training_frequencies(place: ModelPlace) -> WordFrequencies | None:
    """Counts over the text that the run of a model was trained on; None, with a note, where that is not known or not there."""
    if place.run is None or not place.run.config.is_file():
        return None
    run = Run(place.run.root)
    config = run.config
    path = run.resolve(config.data.train_path)
    try:
        return _counted(path, config.data.column, config.data.errors)
    except (BabyLlamaError, OSError) as error:
        console.say(f"note: no word-frequency floor: the training text {path} cannot be read ({error})")
        return None


@lru_cache(maxsize=2)
def _counted(path: str, column: str, errors: str) -> WordFrequencies:
    counts: Counter[str] = Counter()
    with console.progress("counting the words of the training text") as bar:
        files: list[Path] = corpus_files(path, key="data.train_path")
        for number, file in enumerate(files):
            bar.update(number, len(files))
            for document in read_documents([file], errors=errors, column=column):
                counts.update(words_of(document))
    return WordFrequencies(counts, counts.total(), path)


def frequency_floor(content: Any, frequencies: WordFrequencies, *, mean: bool = False) -> float | None:
    """Score in per cent of choosing the text of more frequent words; None for data that are no choices.

    Texts of the same score share the credit: a rule cannot know which of two orders of the same words is the right one.
    `mean` divides by the number of words. Averaged as the task averages.
    """
    groups: dict[tuple[str, str], list[float]] = {}
    for file, uid, texts, label in _options(content):
        scores = [frequencies.log_probability(text) / (len(words_of(text)) or 1 if mean else 1) for text in texts]
        best = max(scores)
        winners = [number for number, score in enumerate(scores) if score >= best - 1e-9]
        groups.setdefault((file, uid), []).append((label in winners) / len(winners))
    if not groups:
        return None
    files: dict[str, list[float]] = {}
    for (file, _), credits in groups.items():
        files.setdefault(file, []).append(fmean(credits))
    return 100 * fmean(fmean(values) for values in files.values())


def _options(content: Any) -> Sequence[tuple[str, str, list[str], int]]:
    """(file, UID, texts, number of the right one) of every item."""
    if isinstance(content, tuple):  # pairs come with what is to be said of them
        content = content[0]
    if isinstance(content, PairSet):
        return [("", pair.uid, [pair.good, pair.bad], 0) for pair in content.pairs]
    if isinstance(content, ChoiceSet) and all(item.human is None for item in content.items):
        return [(one.file, one.uid, [option.text for option in one.options], one.label) for one in content.items]
    return []
