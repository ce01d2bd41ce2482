"""Age of acquisition (BabyLM): how surprising each word of the children's list is at every words-seen checkpoint of a run."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from babyllama import console
from babyllama.artifacts import fingerprint_file, fingerprint_value, read_sealed, write_sealed
from babyllama.errors import DamagedFileError
from babyllama.evaluation.acquisition import (
    LEAST,
    Correlation,
    child_age,
    correlate,
    model_age_2025,
    model_age_2026,
    require_scipy,
    tokens_of,
)
from babyllama.evaluation.acquisition_data import (
    AGES,
    CONTEXTS_IN_ALL,
    AoaData,
    read_children,
    read_contexts,
    word_surprisals,
)
from babyllama.evaluation.models import model_content
from babyllama.evaluation.results import Measure, Result, Score, Table
from babyllama.evaluation.suites.runner import words_checkpoints
from babyllama.evaluation.tasks.babylm import BabyLMTask
from babyllama.evaluation.tasks.base import NoData, TaskData
from babyllama.runs import ModelPlace, locate_model
from babyllama.runs.paths import words_of

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel
    from babyllama.evaluation.scoring import Progress

CONTEXTS = "cdi_childes.json"
CHILDREN = "cdi_human.csv"


class AoaResult(Result):
    """Correlations by the rules of both years, and every surprisal."""

    kind = "aoa"

    @property
    def same(self) -> tuple[Any, ...]:
        """Each year and backend measures something else."""
        return (self.kind, self.numbers["year"], self.numbers["backend"])

    @property
    def items(self) -> tuple[bool, int]:
        """(are they all contexts?, contexts)"""
        return (self.numbers["contexts"] >= CONTEXTS_IN_ALL, self.numbers["contexts"])

    def score(self) -> Score:
        """r x 100 by the rules of the result's year."""
        found = self.numbers
        return Score(100 * found[f"rules_of_{found['year']}"]["r"], items=found["contexts"], chance=0.0)

    def headline(self) -> list[Measure]:
        """r x 100."""
        found = self.numbers
        one = found[f"rules_of_{found['year']}"]
        label = f"age of acquisition, r x 100 (rules of {found['year']}, {one['words']} words)"
        return [Measure(label, f"{100 * one['r']:.2f}")]

    def tables(self, *, details: bool = False) -> list[Table]:
        """A line for the rules of each year."""
        rows = []
        for year in (2025, 2026):
            one = self.numbers[f"rules_of_{year}"]
            raw, p = (("-" if one[key] is None else f"{one[key]:.4f}") for key in ("raw_r", "p"))
            rows.append((f"rules of {year}", f"{100 * one['r']:.2f}", raw, p, str(one["words"])))
        found = self.numbers
        title = (
            f"age of acquisition over {len(found['checkpoints'])} checkpoints, {found['checkpoints'][0]} to "
            f"{found['checkpoints'][-1]}: {found['words']:,} words in {found['contexts']:,} contexts, backend {found['backend']}"
        )
        return [Table(title, ("r x 100", "r", "p", "words with both ages"), rows)]

    def curve(self) -> dict[str, float]:
        """r by the rules of both years."""
        return {f"r_{year}": self.numbers[f"rules_of_{year}"]["r"] for year in (2025, 2026)}

    def files(self, stem: str) -> dict[str, Iterable[str]]:
        """`<stem>_surprisals.json`: checkpoint -> nats of each context, word by word; `<stem>_ages.csv`: both ages of each word."""
        surprisals, ages = self.measured
        return {f"{stem}_surprisals.json": [json.dumps(surprisals)], f"{stem}_ages.csv": _ages_csv(ages)}

    def notes(self) -> list[str]:
        """What makes the number another than the board's, or no number."""
        found, notes = self.numbers, []
        one = found[f"rules_of_{found['year']}"]
        if one["words"] < LEAST:
            notes.append(f"aoa: only {one['words']} words have an age in both children and model: the score is 0")
        elif found["year"] == 2026 and one["r"] == 0 and one["raw_r"]:
            notes.append(f"aoa: r is {one['raw_r']:.3f} with p = {one['p']:.2f}; above 0.1 it counts 0")
        if found["nan"]:
            notes.append(f"aoa: {found['nan']:,} surprisals are not numbers: the weights of a checkpoint are broken")
        if found["contexts"] != CONTEXTS_IN_ALL:
            notes.append(f"aoa: {found['contexts']:,} contexts, the published data have {CONTEXTS_IN_ALL:,}")
        return notes

    @classmethod
    def compare(cls, models: Sequence[str], results: Sequence[AoaResult]) -> list[dict[str, Any]]:
        """Side by side."""
        return [{"model": name, **one.curve()} for name, one in zip(models, results, strict=True)]

    @classmethod
    def comparison_tables(cls, key: str, compared: Any) -> list[Table]:
        """A row for each year."""
        rows = [(f"rules of {year}", *(f"{100 * one[f'r_{year}']:.2f}" for one in compared)) for year in (2025, 2026)]
        return [Table("age of acquisition, r x 100", [one["model"] for one in compared], rows)]


class AoaTask(BabyLMTask):
    """Do words come in the order in which they come to children?"""

    name = "aoa"
    title = "age of acquisition over a run's checkpoints (BabyLM)"
    result = AoaResult
    folders = ("aoa", "cdi_childes")
    pattern = CONTEXTS
    fast_differs = False

    def published(self) -> dict[str, int]:
        """Contexts of the whole data."""
        return {"aoa": CONTEXTS_IN_ALL}

    def data(self, place: ModelPlace | None) -> TaskData:
        """Words, contexts, children's answers, and the checkpoints of the run, which count as data of the final model."""
        folder = self.folder()
        files = [folder / CONTEXTS, folder / CHILDREN]
        if not files[1].is_file():
            raise NoData(f"one half of its data is missing: no file {CHILDREN} in {folder}. {self.where}.")
        if place is None or place.run is None or place.checkpoint is not None:
            raise NoData("it is measured over the checkpoints of a run (checkpoints/chck_1M ...): name a run folder.")
        names = words_checkpoints(place.run)
        if len(names) < LEAST:
            raise NoData(
                f"it needs at least {LEAST} words-seen checkpoints, and {place.run.checkpoints} has {len(names)}. Train with "
                "training.word_checkpoints: true."
            )
        prints = {"contexts": fingerprint_file(files[0]), "children": fingerprint_file(files[1])}
        places = [locate_model(place.run.checkpoints / name) for name in names]
        prints["checkpoints"] = fingerprint_value([[one.name, model_content(one)] for one in places])
        return TaskData((AoaData(read_contexts(files[0]), read_children(files[1])), places), prints, str(folder))

    def score(self, loaded: LoadedModel, data: TaskData, progress: Progress | None = None) -> AoaResult:
        """Read every context with every checkpoint (what is read is kept in evaluation/aoa/), then fit the curves."""
        from babyllama.evaluation.scoring.backends import backend_of

        require_scipy()
        started = time.perf_counter()
        words: AoaData = data.content[0]
        places: list[ModelPlace] = data.content[1]
        surprisals: dict[str, list[float | None]] = {}
        for number, place in enumerate(places):
            if progress is not None:
                progress(number, len(places))
            surprisals[str(place.checkpoint)] = self._surprisals(loaded, place, words, data.fingerprints["contexts"])
        # The pipelines take the words from the name, not the few more that were seen when the checkpoint was saved.
        seen = np.array([words_of(Path(name)) or 0 for name in surprisals], dtype=float)
        values = np.array(list(surprisals.values()), dtype=float)  # [checkpoints, contexts], NaN for None
        model, found = self._model_ages(loaded, words, seen, values), {}
        children = {word: child_age(np.array(AGES), shares) for word, shares in words.children.items()}
        for year in (2025, 2026):
            one: Correlation = correlate(model[year], children, year)
            found[f"rules_of_{year}"] = {"r": one.r, "raw_r": one.raw, "p": one.p, "words": len(one.words)}
        numbers = {
            **self.facts(started),
            "backend": backend_of(loaded, self.settings.backend),
            "checkpoints": list(surprisals),
            "words": len(words.contexts),
            "contexts": words.count,
            "nan": int(np.isnan(values).sum()),
            **found,
        }
        ages = [(word, children.get(word), model[2025].get(word), model[2026].get(word)) for word in words.contexts]
        return AoaResult(numbers, measured=(surprisals, ages))

    def _model_ages(
        self, loaded: LoadedModel, words: AoaData, seen: np.ndarray, values: np.ndarray
    ) -> dict[int, dict[str, float | None]]:
        """By the rules of each year: word -> log10 of the words seen."""
        guess = math.log(loaded.tokenizer.vocab_size)
        ages: dict[int, dict[str, float | None]] = {2025: {}, 2026: {}}
        start = 0
        for word, contexts in words.contexts.items():
            if not contexts:
                continue
            part = values[:, start : start + len(contexts)]
            start += len(contexts)
            if word not in words.children:
                continue
            ages[2025][word] = model_age_2025(np.repeat(seen, len(contexts)), part.ravel())
            ages[2026][word] = model_age_2026(seen, part.mean(axis=1), tokens_of(loaded.tokenizer, word) * guess)
        return ages

    def _surprisals(self, loaded: LoadedModel, place: ModelPlace, words: AoaData, contexts: str) -> list[float | None]:
        """Nats of each word after each of its contexts, at the checkpoint `place`; kept until the checkpoint or the data change."""
        assert loaded.run is not None
        key = fingerprint_value(
            [model_content(place), contexts, self.settings.backend, loaded.dtype, loaded.device.type, "1"]
        )
        file = loaded.run.evaluation / "aoa" / f"{place.checkpoint}_{self.settings.backend}.json"
        try:
            kept = None if self.again else read_sealed(file)
        except (FileNotFoundError, DamagedFileError):
            kept = None
        if kept is None or kept["key"] != key:
            from babyllama.evaluation.models import load_model

            console.say(f"aoa: reading {words.count:,} contexts with {place.name}")
            model = load_model(place.source, str(loaded.device), "bf16" if loaded.dtype == "bf16" else "fp32")
            kept = {"key": key, "nats": word_surprisals(model, words.contexts, self.settings.backend)}
            write_sealed(file, kept)
        return kept["nats"]


def _ages_csv(ages: Iterable[tuple[str, float | None, float | None, float | None]]) -> Iterable[str]:
    yield "word,child_months,model_2025_log10_words,model_2026_log10_words\n"
    for word, *numbers in ages:
        yield ",".join([word, *("" if value is None else f"{value:.6f}" for value in numbers)]) + "\n"
