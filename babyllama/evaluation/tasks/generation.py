"""How varied and how repetitive seeded samples are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from babyllama.evaluation.results import Measure, Result, Table
from babyllama.evaluation.tasks.base import Task, TaskData
from babyllama.runs import ModelPlace
from babyllama.text import significant

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel
    from babyllama.evaluation.scoring import Progress

_LABELS = {
    "distinct_1": "distinct words",
    "distinct_2": "distinct 2-grams",
    "distinct_3": "distinct 3-grams",
    "self_bleu": "self-BLEU (1: all alike)",
    "repetition": "repeated 4-grams within a sample",
    "mean_words": "words per sample",
    "entropy": "entropy of predictions, bits",
    "top_1_probability": "probability of the likeliest token",
    "top_5_probability": "probability of the five likeliest",
    "token_probability": "probability of the token that came",
    "median_rank": "its median rank",
}


class GenerationResult(Result):
    """Statistics of samples, and the samples."""

    kind = "generation"

    def headline(self) -> list[Measure]:
        """None: no single number says that a text is good."""
        return []

    def tables(self, *, details: bool = False) -> list[Table]:
        """Every statistic."""
        rows = [
            (label, significant(self.numbers[key]))
            for key, label in _LABELS.items()
            if self.numbers.get(key) is not None
        ]
        title = f"generation: {len(self.numbers['samples'])} samples, seed {self.numbers['sampling']['seed']}"
        return [Table(title, ("value",), rows)]

    def limits(self) -> list[str]:
        """How much its samples repeat themselves, and how alike they are."""
        share, alike = self.numbers.get("repetition"), self.numbers.get("self_bleu")
        if share is None or alike is None:
            return []
        return [
            f"In {len(self.numbers['samples'])} samples, {100 * share:.1f} % of the 4-grams repeat one of the same sample; "
            f"self-BLEU between samples of a prompt is {alike:.2f} (1: all alike)."
        ]

    def samples(self) -> list[tuple[str, str]]:
        """Every sample, without its prompt."""
        found = ((str(row["prompt"]), str(row["text"])) for row in self.numbers["samples"])
        return [(prompt, text.removeprefix(prompt)) for prompt, text in found]

    def curve(self) -> dict[str, float]:
        """Variety and repetition."""
        return {name: self.numbers[name] for name in GenerationTask.curve_columns}


class GenerationTask(Task):
    """What do the model's samples look like?"""

    name = "generation"
    title = "variety and repetition of seeded samples"
    result = GenerationResult
    curve_columns = ("distinct_1", "distinct_2", "self_bleu", "repetition")
    needs_causal = True

    def data(self, place: ModelPlace | None) -> TaskData:
        """The shipped prompts."""
        from babyllama.artifacts import fingerprint_value
        from babyllama.evaluation.quality import DEFAULT_PROMPTS

        return TaskData(DEFAULT_PROMPTS, {"prompts": fingerprint_value(list(DEFAULT_PROMPTS))})

    def score(self, loaded: LoadedModel, data: TaskData, progress: Progress | None = None) -> GenerationResult:
        """Draw and count."""
        from babyllama.evaluation.quality import generation_quality

        found: dict[str, Any] = generation_quality(loaded, data.content, seed=self.settings.seed)
        return GenerationResult(found)
