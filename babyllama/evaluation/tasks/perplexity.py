"""Perplexity, bits per byte and word-level perplexity of a text, by file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from babyllama import console
from babyllama.artifacts import fingerprint_file, fingerprint_files, read_object
from babyllama.config.sections import DataSection
from babyllama.config.types import Count, FilePath, Width
from babyllama.errors import DamagedFileError
from babyllama.evaluation.pair_tables import model_headings
from babyllama.evaluation.perplexity import PerplexityResult, perplexity_by_domain
from babyllama.evaluation.results import Measure, Result, Table
from babyllama.evaluation.tasks.base import NoData, Task, TaskData, TaskSettings
from babyllama.runs import ModelPlace, Run, result_name
from babyllama.text import code, significant

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel
    from babyllama.evaluation.scoring import Progress


class PerplexitySettings(TaskSettings):
    """Which text is read, and how long documents are."""

    eval_text: FilePath | None = None
    """File, folder or glob; by default the run's own data.eval_path."""
    stride: Count | None = None
    """Tokens that a window moves on in documents longer than the context; by default half the context."""
    context: Width | None = None
    """Tokens read at once, more or fewer than the model was made for; more only with rotary positions."""


@dataclass(frozen=True)
class EvaluationText:
    """Files of text, as they were named."""

    path: str
    """As it was given, or as the run's configuration has it."""
    files: list[Path]
    own: bool
    """Is it the run's own held-out text?"""
    token_counts: Path | None
    """Those of the run's training text."""
    data: DataSection = field(default_factory=DataSection)
    """How it is written."""

    def documents(self, files: Sequence[Path] | None = None) -> Iterator[str]:
        """Its documents, or those of some of its `files`; of prompts with responses both."""
        from babyllama.corpus.reading.instructions import documents_of

        return documents_of(self.files if files is None else files, self.data)


class PerplexityNumbers(Result):
    """Perplexity on one text."""

    kind = "perplexity"

    @property
    def same(self) -> tuple[Any, ...]:
        """Every text is another measurement."""
        return (self.kind, self.numbers.get("text_fingerprint"), self.stored)

    @property
    def _own(self) -> bool:
        return self.stored is None or self.stored.stem == "perplexity"

    @property
    def _at_once(self) -> str:
        context = self.numbers.get("context")
        return "" if context is None else f", {context:,} tokens at once"

    def headline(self) -> list[Measure]:
        """Perplexity per document, the unigram model's beside it, and bits per byte."""
        numbers, text = self.numbers, str(self.numbers.get("text", ""))
        published = {
            "task_type": "text-generation",
            "task_name": "language modelling, per document",
            "dataset_type": "held-out"
            if self.stored is None or self._own
            else self.stored.stem.removeprefix("perplexity_"),
            "dataset_name": text,
        }
        whose = "held-out perplexity" if self._own else "perplexity"
        measures = [
            Measure(
                f"{whose} on {code(text)}, per document{self._at_once}",
                _decimals(numbers["perplexity"], 2),
                _published(published, "perplexity", numbers["perplexity"]),
            )
        ]
        if numbers.get("unigram_perplexity"):
            measures.append(Measure("the same of a unigram model", f"{numbers['unigram_perplexity']:.2f}"))
        bits = numbers["bits_per_byte"]
        label = f"bits per byte on {code(text)}{self._at_once}"
        return [*measures, Measure(label, _decimals(bits, 4), _published(published, "bits_per_byte", bits))]

    def tables(self, *, details: bool = False) -> list[Table]:
        """Per file and in all."""
        rows = []
        for name, row in {**self.numbers.get("domains", {}), "all": self.numbers}.items():
            unigram = row.get("unigram_perplexity")
            rows.append(
                (
                    name,
                    significant(row["perplexity"]),
                    significant(unigram) if unigram is not None else "",
                    f"{row['bits_per_byte']:.4f}" if row["bits_per_byte"] is not None else "-",
                    significant(row["word_perplexity"]),
                    f"{row['tokens']:,}",
                    f"{row['documents']:,}",
                )
            )
        title = f"perplexity per document{self._at_once} (beginning mark as first context, end mark not counted)"
        columns = ("perplexity", "unigram", "bits per byte", "per word", "tokens", "documents")
        return [Table(title, columns, rows, frozenset({len(rows) - 1}))]

    def curve(self) -> dict[str, float]:
        """Perplexity and bits per byte."""
        return {name: self.numbers[name] for name in PerplexityTask.curve_columns}

    def notes(self) -> list[str]:
        """Tokens without context, tokens whose probability is no number."""
        notes = []
        if self.numbers["unscored_tokens"]:
            notes.append(
                "the tokenizer has neither BOS nor EOS: the first token of each of "
                f"{self.numbers['unscored_tokens']:,} documents has no context and is not counted"
            )
        if self.numbers["nan_tokens"]:
            notes.append(
                f"{self.numbers['nan_tokens']:,} tokens have a probability that is not a number: the model's weights are broken"
            )
        return notes

    @classmethod
    def compare(cls, models: Sequence[str], results: Sequence[PerplexityNumbers]) -> list[dict[str, Any]] | None:
        """Rows side by side; perplexities of different texts do not compare."""
        keys = ("perplexity", "bits_per_byte", "word_perplexity", "tokens", "documents", "bytes")
        rows = [
            {"model": model} | {key: result.numbers[key] for key in keys}
            for model, result in zip(models, results, strict=True)
        ]
        return rows if len({(row["bytes"], row["documents"]) for row in rows}) == 1 else None

    @classmethod
    def comparison_tables(cls, key: str, compared: Any) -> list[Table]:
        """One column per model."""
        labels = (("perplexity", "per token"), ("word_perplexity", "per word"), ("bits_per_byte", "bits per byte"))
        rows = [[label, *(significant(row[name]) for row in compared)] for name, label in labels]
        title = "perplexity (per token: only between models with one tokenizer)"
        return [Table(title, model_headings([row["model"] for row in compared]), rows)]


class PerplexityTask(Task):
    """How well does the model predict a text?"""

    name = "perplexity"
    title = "perplexity, bits per byte and per word of a text, by file"
    Settings = PerplexitySettings
    result = PerplexityNumbers
    places = ("eval_text",)
    curve_columns = ("perplexity", "bits_per_byte")
    needs_causal = True
    settings: PerplexitySettings

    def deciding(self) -> dict[str, Any]:
        """Without the context where none is asked for, as before there was the setting."""
        return {name: value for name, value in super().deciding().items() if name != "context" or value is not None}

    def data(self, place: ModelPlace | None) -> TaskData:
        """The text that was named, else the run's own, wherever we are now."""
        text = _evaluation_text(place, self.settings.eval_text)
        fingerprints = {"text": fingerprint_files(text.files)}
        if text.token_counts is not None:
            fingerprints["token_counts"] = fingerprint_file(text.token_counts)
        return TaskData(text, fingerprints, text.path)

    def result_name(self, data: TaskData, folder: Path) -> str:
        """`perplexity` for the run's own text; for another with its name, and its folders' while that name is taken."""
        name = self._name_of_text(data, folder)
        context = self.settings.context
        return name if context is None else result_name(name, f"context-{context}")

    def _name_of_text(self, data: TaskData, folder: Path) -> str:
        text: EvaluationText = data.content
        if text.own:
            return self.name
        place = Path(text.path).resolve()
        stem = place.stem
        for parent in place.parents:
            kept = folder / f"{result_name(self.name, stem)}.json"
            if not _is_of_another_text(kept, text.path, data.fingerprints["text"]):
                break
            stem = f"{parent.name}_{stem}"
        return result_name(self.name, stem)

    def score(self, loaded: LoadedModel, data: TaskData, progress: Progress | None = None) -> PerplexityNumbers:
        """Every document on its own."""
        text: EvaluationText = data.content
        domains: dict[str, Any] = {}
        for file in text.files:
            name = file.name if file.name not in domains else str(file)
            domains[name] = text.documents([file])
        found: PerplexityResult = perplexity_by_domain(
            loaded,
            domains,
            token_counts=_token_counts(text.token_counts),
            stride=self.settings.stride,
            context=self.settings.context,
            progress=progress,
            total_bytes=sum(file.stat().st_size for file in text.files),
        )
        found.text, found.text_fingerprint = text.path, data.fingerprints["text"]
        at_once = {} if self.settings.context is None else {"context": self.settings.context}
        return PerplexityNumbers(found.to_json() | at_once, measured=found)


def _evaluation_text(place: ModelPlace | None, named: str | None) -> EvaluationText:
    from babyllama.corpus.reading import corpus_files

    run = None if place is None or place.run is None else place.run
    counts = _whole_token_counts(Run(run.root)) if run is not None else None
    config = Run(run.root).config if run is not None and run.config.is_file() else None
    own = config.data.eval_path if config is not None else None
    at = Run(run.root).resolve(own) if run is not None and own is not None else None
    if named is not None:
        is_own = at is not None and Path(at).resolve() == Path(named).resolve()
        data = config.data if config is not None and is_own else DataSection()
        return EvaluationText(named, corpus_files(named, key="--eval-text"), is_own, counts, data)
    if own is None or at is None or config is None:
        name = place.name if place is not None else "the model"
        whose = f"the run {name} was trained without data.eval_path" if run is not None else f"{name} is no run of ours"
        raise NoData(f"no evaluation text: {whose}. Name a file or folder with --eval-text PATH.")
    if not Path(at).exists() and not any(sign in at for sign in "*?["):
        raise NoData(
            f"the evaluation text of {run.root if run else own}, data.eval_path = {own!r}, is not there ({at}). Put it back, or "
            "name a file or folder with --eval-text PATH."
        )
    return EvaluationText(own, corpus_files(at, key="data.eval_path"), True, counts, config.data)


def _whole_token_counts(run: Run) -> Path | None:
    """The counts that the run was trained with; changed ones would give another baseline, so they are said and left out."""
    file = run.paths.token_counts
    if run.paths.record.exists():
        record = run.record
        try:
            record.check_file(file, run.root)
        except DamagedFileError as error:
            console.warn(f"no unigram perplexity: {error}")
            return None
    return file if file.is_file() else None


def _is_of_another_text(kept: Path, text: str, fingerprint: str) -> bool:
    try:
        there = read_object(kept)
        same_place = Path(there["text"]).resolve() == Path(text).resolve()
        return not same_place and there["text_fingerprint"] != fingerprint
    except (OSError, ValueError, LookupError, TypeError):  # no results, or a damaged file, which is replaced
        return False


def _token_counts(file: Path | None) -> np.ndarray | None:
    if file is None:
        return None
    try:
        return np.asarray(np.load(file, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        console.say(f"no unigram perplexity: {file} cannot be read ({error})")
        return None


def _published(facts: dict[str, Any], metric: str, value: float | None) -> dict[str, Any] | None:
    return None if value is None else {**facts, "metric_type": metric, "metric_value": round(value, 4)}


def _decimals(value: float | None, places: int) -> str:
    return "not a number" if value is None else f"{value:.{places}f}"
