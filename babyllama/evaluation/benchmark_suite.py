"""Small benchmarks one runs on a model to see what it is like: completion, consistency, repetition, speed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from babyllama.config.types import Count, Section, Text
from babyllama.errors import EvaluationError
from babyllama.evaluation.generation import generate
from babyllama.evaluation.models import LoadedModel, load_model
from babyllama.evaluation.quality import distinct, repeated_share, self_bleu
from babyllama.evaluation.scoring import CausalScorer
from babyllama.evaluation.scoring.sequences import Encoded, context_token, encode_plain
from babyllama.evaluation.speed import measure_speed
from babyllama.settings.sections import read_section

COMPLETIONS: tuple[tuple[str, str, str], ...] = (
    ("The cat is sleeping on the", " bed", " sky"),
    ("She opened the door and went into the", " house", " spoon"),
    ("He was thirsty, so he drank some", " water", " stones"),
    ("At night the sky is", " dark", " loud"),
    ("The children are playing with the", " ball", " idea"),
    ("In winter it is very", " cold", " late"),
    ("The bird has two", " wings", " wheels"),
    ("We went to the shop to buy some", " bread", " sleep"),
    ("The baby was tired and began to", " cry", " cook"),
    ("My mother is a very kind", " woman", " table"),
)
"""(prompt, sensible next word, senseless one): a sanity check for models of any size, not a published test set."""

PROMPTS = ("Once upon a time", "The old man", "I think that", "In the morning,")


class CompletionItem(Section):
    """One prompt and two ways to go on."""

    prompt: Text
    good: Text
    """The sensible one, with the space in front that it needs."""
    bad: Text


class SpeedSettings(Section):
    """What speed is measured on."""

    batch_sizes: list[Count] = Field(default_factory=lambda: [1, 8], min_length=1)
    """Sequences at once; latency is told of the first."""
    prompt_tokens: Count = 96
    new_tokens: Count = 32
    repeats: Count = 3


class BenchmarkConfig(Section):
    """Items, prompts and sizes of `BenchmarkSuite`."""

    completion: list[CompletionItem] = Field(
        default_factory=lambda: [CompletionItem(prompt=item[0], good=item[1], bad=item[2]) for item in COMPLETIONS],
        min_length=1,
    )
    prompts: list[Text] = Field(default_factory=lambda: list(PROMPTS), min_length=1)
    """Of the samples that consistency and repetition are measured on."""
    speed: SpeedSettings = SpeedSettings()


def benchmark_config(path: str | Path | None) -> BenchmarkConfig:
    """The configuration in the YAML file `path`, by default the one that comes with the package. ConfigError."""
    return BenchmarkConfig() if path is None else read_section(path, BenchmarkConfig)


class BenchmarkSuite:
    """Benchmarks of one model; each run_* method returns a dict of plain numbers and what they were measured on.

    Nothing is rolled into one grade: speed is not quality.
    """

    def __init__(
        self,
        model_path: str | Path | LoadedModel,
        device: str = "auto",
        config: BenchmarkConfig | str | Path | None = None,
        **options: Any,
    ) -> None:
        """`config` (a YAML file or the section itself) replaces items, prompts and sizes; `options` go to `load_model`.

        EvaluationError for masked models, which generate nothing; ConfigError for a file that is none.
        """
        self.config = config if isinstance(config, BenchmarkConfig) else benchmark_config(config)
        self.loaded = model_path if isinstance(model_path, LoadedModel) else load_model(model_path, device, **options)
        if self.loaded.masked:
            raise EvaluationError(f"{self.loaded.name} is a masked language model: it cannot continue a text.")

    def run_completion_benchmark(self, items: Sequence[tuple[str, str, str]] | None = None) -> dict[str, Any]:
        """How often the sensible completion gets the higher log-probability given the prompt (chance: 0.5)."""
        items = [(one.prompt, one.good, one.bad) for one in self.config.completion] if items is None else items
        first = context_token(self.loaded.tokenizer)
        head = [] if first is None else [first]
        sequences = []
        for prompt, good, bad in items:
            start = len(head) + len(encode_plain(self.loaded.tokenizer, [prompt])[0])
            for end in (good, bad):
                ids = head + encode_plain(self.loaded.tokenizer, [prompt + end])[0]
                sequences.append(Encoded(tuple(ids), range(max(1, min(start, len(ids) - 1)), len(ids))))
        sums = [float(values.sum(dtype="float64")) for values in CausalScorer(self.loaded).score(sequences)]
        rows: list[dict[str, Any]] = [
            {
                "prompt": item[0],
                "good": item[1],
                "bad": item[2],
                "good_score": good,
                "bad_score": bad,
                "correct": good > bad,
            }
            for item, good, bad in zip(items, sums[::2], sums[1::2], strict=True)
        ]
        return {"accuracy": sum(row["correct"] for row in rows) / len(rows), "n": len(rows), "items": rows}

    def run_consistency_benchmark(
        self, prompts: Sequence[str] | None = None, *, num_samples: int = 4, max_new_tokens: int = 40, seed: int = 42
    ) -> dict[str, Any]:
        """How alike several samples of a prompt are (self-BLEU, 1: all the same), and whether a seed repeats itself."""
        prompts = self.config.prompts if prompts is None else prompts
        groups = [
            generate(self.loaded, prompt, num_samples=num_samples, max_new_tokens=max_new_tokens, seed=seed)
            for prompt in prompts
        ]
        again = generate(self.loaded, prompts[0], num_samples=num_samples, max_new_tokens=max_new_tokens, seed=seed)
        words = [[text[len(p) :].split() for text in group] for p, group in zip(prompts, groups, strict=True)]
        return {
            "self_bleu": statistics.fmean(self_bleu(group) for group in words),
            "distinct_2": statistics.fmean(distinct(group, 2) for group in words),
            "repeatable": again == groups[0],
            "samples": [text for group in groups for text in group],
        }

    def run_repetition_benchmark(
        self, prompts: Sequence[str] | None = None, *, max_new_tokens: int = 80, seed: int = 42
    ) -> dict[str, Any]:
        """Share of repeated 4-grams in samples and in greedy continuations, where repetition shows first."""
        prompts = self.config.prompts if prompts is None else prompts
        shares: dict[str, list[float]] = {"sampled": [], "greedy": []}
        for prompt in prompts:
            for name, temperature in (("sampled", 0.8), ("greedy", 0.0)):
                text = generate(self.loaded, prompt, temperature=temperature, max_new_tokens=max_new_tokens, seed=seed)[
                    0
                ]
                shares[name].append(repeated_share(text[len(prompt) :].split(), 4))
        return {f"{name}_repetition": statistics.fmean(values) for name, values in shares.items()} | {"n": len(prompts)}

    def run_speed_benchmark(
        self,
        *,
        repeats: int | None = None,
        length: int | None = None,
        batch: int | None = None,
    ) -> dict[str, Any]:
        """Tokens per second of reading and writing by batch size, latency and peak memory (`evaluation.speed`).

        What is not given is the configuration's; `batch` is one size instead of its list.
        """
        speed = self.config.speed
        return measure_speed(
            self.loaded,
            speed.batch_sizes if batch is None else [batch],
            length=length or speed.prompt_tokens,
            new_tokens=speed.new_tokens,
            repeats=repeats or speed.repeats,
        )

    def run_all_benchmarks(self) -> dict[str, Any]:
        """All of them: {"model", "completion", "consistency", "repetition", "speed"}."""
        return {
            "model": self.loaded.name,
            "completion": self.run_completion_benchmark(),
            "consistency": self.run_consistency_benchmark(),
            "repetition": self.run_repetition_benchmark(),
            "speed": self.run_speed_benchmark(),
        }
