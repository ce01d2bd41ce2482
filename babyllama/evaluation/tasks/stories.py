"""What a machine can see of the stories a model tells; there is no number for their quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama.artifacts import fingerprint_files, fingerprint_value
from babyllama.config.types import Count, FilePath
from babyllama.errors import DataError
from babyllama.evaluation.pair_tables import model_headings
from babyllama.evaluation.results import Measure, Result, Table
from babyllama.evaluation.stories import STORY_PROMPTS, StoryPrompt, check_stories, read_story_prompts, words_of
from babyllama.evaluation.tasks.base import NoData, Task, TaskData, TaskSettings
from babyllama.evaluation.tasks.perplexity import EvaluationText, PerplexityTask
from babyllama.runs import ModelPlace, Run
from babyllama.text import percent, significant

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel
    from babyllama.evaluation.scoring import Progress

HELD_OUT_STORIES = 200
"""Stories of the held-out text that are scored, from its beginning."""
MOST_TEXT = 100_000_000
"""Bytes of training text, from its beginning, whose words count as known."""

_SHARES = {
    "asked_words": "asked words that came",
    "all_asked_words": "stories with all asked words",
    "dialogue": "dialogues, of those asked for",
    "repetition": "repeated 4-grams",
    "known_words": "words that the training text has",
}
_SIZES = {"mean_words": "words per story", "bits_per_byte": "bits per byte of held-out stories"} | {
    "perplexity": "perplexity of held-out stories"
}


class StorySettings(TaskSettings):
    """What is asked, and how often."""

    story_prompts: FilePath | None = None
    """JSON lines with `prompt`, `words` and `dialogue`; by default eight openings that come with the package."""
    stories_per_prompt: Count = 5


@dataclass(frozen=True)
class StoryData:
    """What the task reads."""

    prompts: Sequence[StoryPrompt]
    training_text: EvaluationText | None
    """None where it is not known."""
    held_out: EvaluationText | None


class StoryResult(Result):
    """Shares over stories, and the stories."""

    kind = "stories"

    def headline(self) -> list[Measure]:
        """What was asked for and came."""
        count = f"{self.numbers['stories']:,} stories, seed {self.numbers['sampling']['seed']}"
        return [
            Measure(f"{_SHARES[key]}; {count}", f"{percent(self.numbers[key])} %")
            for key in ("asked_words", "dialogue")
            if self.numbers.get(key) is not None
        ]

    def tables(self, *, details: bool = False) -> list[Table]:
        """Every number; with `details` every story."""
        rows = [(label, _cell(key, self.numbers[key])) for key, label in _labels(self.numbers)]
        title = f"stories: {self.numbers['stories']:,} from {self.numbers['prompts']:,} prompts, seed {self.numbers['sampling']['seed']}"
        tables = [Table(title, ("value",), rows)]
        if details:
            told = [(row["prompt"], row["text"].strip()) for row in self.numbers["samples"]]
            tables.append(Table("what was told", ("continuation",), told))
        return tables

    def curve(self) -> dict[str, float]:
        """The shares that every set of prompts gives."""
        return {name: self.numbers[name] for name in StoryTask.curve_columns}

    def notes(self) -> list[str]:
        """What is left out."""
        return list(self.numbers["notes"])

    @classmethod
    def compare(cls, models: Sequence[str], results: Sequence[StoryResult]) -> list[dict[str, Any]] | None:
        """Rows side by side, where the prompts were the same."""
        keys = ("stories", *_SHARES, *_SIZES)
        same = {result.numbers["prompts_fingerprint"] for result in results}
        rows = [
            {"model": model} | {key: result.numbers[key] for key in keys}
            for model, result in zip(models, results, strict=True)
        ]
        return rows if len(same) == 1 else None

    @classmethod
    def comparison_tables(cls, key: str, compared: Any) -> list[Table]:
        """One column per model."""
        labels = {name: label for row in compared for name, label in _labels(row)}
        rows = [(label, *(_cell(name, row[name]) for row in compared)) for name, label in labels.items()]
        return [Table("stories side by side", model_headings([row["model"] for row in compared]), rows)]


class StoryTask(Task):
    """Does the model do in a story what it was asked to do?"""

    name = "stories"
    title = "words asked for, dialogue, repetition, new words in stories"
    Settings = StorySettings
    result = StoryResult
    places = ("story_prompts",)
    curve_columns = ("asked_words", "repetition", "mean_words")
    needs_causal = True
    settings: StorySettings

    def data(self, place: ModelPlace | None) -> TaskData:
        """Prompts, the run's training text for its words, and its held-out stories, each where it is there."""
        named = self.settings.story_prompts
        prompts = STORY_PROMPTS if named is None else read_story_prompts(Path(named))
        value = [[one.prompt, *one.words, one.dialogue] for one in prompts]
        fingerprints = {"prompts": fingerprint_value(value)}
        text = _training_text(place)
        if text is not None:
            fingerprints["training_text"] = fingerprint_files(text.files)
        held_out = None
        try:
            found = PerplexityTask().data(place)
            held_out, fingerprints["text"] = found.content, found.fingerprints["text"]
        except NoData:
            pass
        return TaskData(StoryData(prompts, text, held_out), fingerprints, named or "")

    def score(self, loaded: LoadedModel, data: TaskData, progress: Progress | None = None) -> StoryResult:
        """Tell and look."""
        from itertools import islice

        from babyllama.evaluation.generation import generate
        from babyllama.evaluation.perplexity import perplexity

        content: StoryData = data.content
        sampling = {"max_new_tokens": 200, "temperature": 0.8, "top_k": 50, "seed": self.settings.seed}
        told: list[tuple[StoryPrompt, str]] = []
        for number, asked in enumerate(content.prompts):
            options: dict[str, Any] = {**sampling, "seed": self.settings.seed + number}
            texts = generate(loaded, asked.prompt, num_samples=self.settings.stories_per_prompt, **options)
            told += [(asked, text[len(asked.prompt) :]) for text in texts]
            if progress is not None:
                progress(number + 1, len(content.prompts))
        vocabulary, notes = _vocabulary(content.training_text)
        rates, rows = check_stories(told, vocabulary)
        held_out: dict[str, Any] = {"perplexity": None, "bits_per_byte": None, "held_out_stories": 0}
        if content.held_out is not None:
            found = perplexity(loaded, islice(content.held_out.documents(), HELD_OUT_STORIES))
            held_out = {"perplexity": found.perplexity, "bits_per_byte": found.bits_per_byte}
            held_out["held_out_stories"] = found.documents
        else:
            notes.append("no held-out stories are known: their perplexity is left out")
        numbers = {
            **rates,
            "mean_words": sum(len(text.split()) for _, text in told) / len(told),
            **held_out,
            "stories": len(told),
            "prompts": len(content.prompts),
            "prompts_fingerprint": data.fingerprints["prompts"],
            "sampling": sampling,
            "notes": notes,
            "samples": rows,
        }
        return StoryResult(numbers)


def _training_text(place: ModelPlace | None) -> EvaluationText | None:
    """The text the model's run was trained on, where it is still there."""
    from babyllama.corpus.reading import corpus_files

    if place is None or place.run is None or not place.run.config.is_file():
        return None
    run = Run(place.run.root)
    data = run.config.data
    try:
        files = corpus_files(run.resolve(data.train_path), key="data.train_path")
    except DataError:
        return None
    return EvaluationText(data.train_path, files, False, None, data.model_copy(update={"errors": "replace"}))


def _vocabulary(text: EvaluationText | None) -> tuple[set[str] | None, list[str]]:
    """(lower-cased words of the training text or None, what is left out)"""
    if text is None:
        return None, ["the training text is not known or not there: which words it has is left out"]
    words: set[str] = set()
    read = 0
    for document in text.documents():
        words.update(words_of(document))
        read += len(document)
        if read > MOST_TEXT:
            return words, [f"words of the first {MOST_TEXT // 10**6} MB of the training text count as known"]
    return words, []


def _labels(numbers: dict[str, Any]) -> list[tuple[str, str]]:
    return [(key, label) for key, label in (_SHARES | _SIZES).items() if numbers.get(key) is not None]


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{percent(value)} %" if key in _SHARES else f"{value:.4f}" if key == "bits_per_byte" else significant(value)
