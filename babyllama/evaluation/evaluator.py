"""ModelEvaluator: one model, asked from Python."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from babyllama import console
from babyllama.artifacts import read_json
from babyllama.evaluation.benchmark_suite import BenchmarkSuite
from babyllama.evaluation.models import LoadedModel, load_model
from babyllama.evaluation.perplexity import PerplexityResult, perplexity
from babyllama.evaluation.quality import DEFAULT_PROMPTS, generation_quality, token_statistics
from babyllama.evaluation.runner import run_evaluations
from babyllama.runs import RunPaths


class ModelEvaluator:
    """Evaluates one model; subclass it and override a method for an evaluation of one's own."""

    def __init__(self, model_path: str | Path | LoadedModel, device: str = "auto", **options: Any) -> None:
        """Load the model; `options` go to `load_model` (dtype, allow_pickle, trust_remote_code)."""
        self.loaded = model_path if isinstance(model_path, LoadedModel) else load_model(model_path, device, **options)

    @property
    def model(self) -> Any:
        """The Hugging Face model."""
        return self.loaded.model

    @property
    def tokenizer(self) -> Any:
        """Its tokenizer."""
        return self.loaded.tokenizer

    def calculate_perplexity(self, text: str | Path | Iterable[str]) -> float:
        """Perplexity per token of a text, of several texts, or of the files at a path.

        A string is a path when a file or folder of that name exists, else it is the text itself. See
        `measure_perplexity` for bits per byte and word-level perplexity.
        """
        return self.measure_perplexity(text).perplexity

    def measure_perplexity(self, text: str | Path | Iterable[str]) -> PerplexityResult:
        """The same text scored, with all totals and rates."""
        return perplexity(self.loaded, _documents(text))

    def evaluate_generation_quality(
        self, prompts: Sequence[str] = DEFAULT_PROMPTS, num_samples: int = 4, max_length: int = 60, **options: Any
    ) -> dict[str, Any]:
        """distinct-n, self-BLEU, repetition, entropy and the seeded samples themselves; see `generation_quality`."""
        return generation_quality(
            self.loaded, prompts, samples_per_prompt=num_samples, max_new_tokens=max_length, **options
        )

    def evaluate_token_probabilities(self, text: str | Path | Iterable[str]) -> dict[str, float]:
        """Entropy of the predictions on a text, mass of the likeliest tokens, probability and rank of what came."""
        return token_statistics(self.loaded, list(_documents(text)), max_tokens=self.loaded.context_length or 1024)

    def generate(self, prompt: str, max_length: int = 60, **options: Any) -> str:
        """`prompt` and a continuation of at most `max_length` tokens; `options` as in `babyllama.evaluation.generate`."""
        from babyllama.evaluation.generation import generate

        return generate(self.loaded, prompt, max_new_tokens=max_length, **options)[0]

    def evaluate(self, tasks: Sequence[str] | None = None, **options: Any) -> dict[str, Any]:
        """`run_evaluations` for this model: {"model", "results"}."""
        return run_evaluations(self.loaded, tasks, **options)


def evaluate_model(path: str | Path | LoadedModel, **options: Any) -> dict[str, Any]:
    """One flat dict about a run: name, parameters, perplexity, bits_per_byte, training_time (seconds), accuracies.

    `perplexity` is NaN where no evaluation text was found (`eval_text=` names one), `training_time` None for a model
    that is no run of ours. `options` go to `run_evaluations`, those on loading (device, dtype, allow_pickle,
    trust_remote_code) to `load_model`.
    """
    loaded = _load(path, options)
    evaluator = ModelEvaluator(loaded)
    report = evaluator.evaluate(options.pop("tasks", None), **options)
    results = report["results"]
    row: dict[str, Any] = {
        "model": report["model"],
        "parameters": evaluator.loaded.parameters,
        "training_time": _training_time(evaluator.loaded.run),
    }
    measured = results.get("perplexity", {})
    for key in ("perplexity", "bits_per_byte", "word_perplexity"):
        value = measured.get(key)
        row[key] = math.nan if value is None else value
    row |= {name: found["accuracy"] for name, found in results.items() if "paradigms" in found}
    return row | {"results": results}


def compare_models(model_paths: Sequence[str | Path], device: str = "auto", **options: Any) -> list[dict[str, Any]]:
    """`evaluate_model` of each, with its speed, in the order given: rows for a table.

    `speed` is None for a masked language model, which cannot continue a text.
    """
    rows = []
    for path in model_paths:
        loaded = _load(path, {"device": device, **options})
        row = evaluate_model(loaded, **options)
        row["speed"] = None
        if loaded.masked:
            console.say(f"speed skipped: {loaded.name} is a masked language model, which cannot continue a text")
        else:
            row["speed"] = BenchmarkSuite(loaded).run_speed_benchmark(repeats=1)
        rows.append(row)
    return rows


def _load(model: str | Path | LoadedModel, options: dict[str, Any]) -> LoadedModel:
    """The model as `options` say; its device and what it may run are taken out of them."""
    device = options.pop("device", "auto")
    safety = {key: options.pop(key) for key in ("allow_pickle", "trust_remote_code") if key in options}
    if isinstance(model, LoadedModel):
        return model
    return load_model(str(model), device, "bf16" if options.get("dtype") == "bf16" else "fp32", **safety)


def _documents(text: str | Path | Iterable[str]) -> Iterable[str]:
    from babyllama.corpus.reading import corpus_files, read_documents

    if isinstance(text, Path) or (isinstance(text, str) and _is_path(text)):
        return read_documents(corpus_files(str(text), key="evaluation text"))
    return [text] if isinstance(text, str) else text


def _is_path(text: str) -> bool:
    if "\n" in text or len(text) > 1000 or not text.strip():
        return False
    try:
        return Path(text).exists()
    except OSError:
        return False


def _training_time(run: RunPaths | None) -> float | None:
    if run is None or not run.metrics.is_file():
        return None
    try:
        value = read_json(run.metrics).get("training_time")
    except (OSError, ValueError, AttributeError):
        return None
    return float(value) if value is not None else None
