"""Runs for the tests of reports: folders with everything a report shows, made without training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from evaluation_world import save_metrics

from babyllama.evaluation.pair_results import MinimalPairResults, PairScores
from babyllama.evaluation.pairs.sets import MinimalPair, PairSet
from babyllama.evaluation.tasks.minimal_pairs import MinimalPairsResult
from babyllama.runs import RunPaths, RunRecord, StoredResult, save_result
from babyllama.runs.rows import RowsFile

PARADIGMS = (
    "anaphor_agreement",
    "npi_present",
    "passive_1",
    "principle_A",
    "superlative",
    "transitive",
    "wh_island",
    "who",
    "whom",
)


def pair_result(right: float, seed: int, name: str = "pairs", n: int = 30) -> MinimalPairsResult:
    """Decisions of which about `right` are right."""
    pairs = [
        MinimalPair(
            uid, str(i), f"good {uid} {i}", f"bad {uid} {i}", "syntax" if k % 2 else "semantics", uid.split("_")[0]
        )
        for k, uid in enumerate(PARADIGMS)
        for i in range(n)
    ]
    correct = np.random.default_rng(seed).random(len(pairs)) < right
    ones = np.ones(len(pairs))
    scores = PairScores(
        ones * correct, ones * ~correct, ones.astype(int), ones.astype(int), correct, np.zeros(len(pairs), bool)
    )
    return MinimalPairsResult.of(MinimalPairResults(PairSet(name, pairs, [], "data"), "m", "lm-eval", scores))


def keep(folder: Path, result: Any, name: str, task: str, words: int | None = None) -> None:
    """Keep a result as an evaluation does."""
    kept = StoredResult(name, task, result.kind, result.numbers, {}, {}, evaluated={"words_seen": words})
    save_result(folder, kept, result.files(name) if result.measured is not None else {})


def report_run(
    root: Path, *, name: str | None = None, seed: int = 1, prompt: str = "One day", **model: Any
) -> RunPaths:
    """A run of 60 steps with its curves, minimal pairs, three evaluated checkpoints, perplexity and samples."""
    from babyllama.evaluation.tasks.generation import GenerationResult
    from babyllama.evaluation.tasks.perplexity import PerplexityNumbers

    paths, right = RunPaths(root), 0.6 + 0.1 * seed
    root.mkdir(parents=True)
    section = {"type": "Llama", "name": name or root.name, "hidden_size": 32 * seed, "n_layer": 2, "n_head": 4, **model}
    text = root.parent / "text.train"
    text.write_text("A small text.\n")
    paths.config.write_text(yaml.safe_dump({"model": section, "data": {"train_path": str(text)}}, allow_unicode=True))
    rows = RowsFile(paths.losses)
    for step in range(1, 61):
        rows.append(
            {
                "step": step, "epoch": step / 60, "tokens_seen": 1000 * step, "words_seen": 700 * step,
                "train_loss": 3 + 4 / math.sqrt(step) + 0.02 * (step % 5), "eval_loss": 3.1 + 4 / math.sqrt(step) if step % 20 == 0 else None,
                "learning_rate": 0.001 * min(1, step / 10), "tokens_per_second": 500.0,
            }
        )  # fmt: skip
    save_metrics(root, parameters=123_456 * seed)
    RunRecord.new(name or root.name, directory=RunRecord.relative_directory(root)).save(paths)
    keep(paths.evaluation, pair_result(right, seed), "pairs", "blimp", 42_000)
    for words, share in ((10_000, 0.5), (20_000, 0.6)):
        keep(paths.checkpoint_evaluation(f"chck_{words // 1000}k"), pair_result(share, seed), "pairs", "blimp", words)
    numbers = {
        "perplexity": 20.5 / seed, "bits_per_byte": 1.5, "word_perplexity": 40.0, "tokens": 100, "documents": 10, "bytes": 900,
        "text": "dev", "unscored_tokens": 0, "nan_tokens": 0,
    }  # fmt: skip
    keep(paths.evaluation, PerplexityNumbers(numbers), "perplexity", "perplexity")
    samples = [{"prompt": prompt, "text": f"{prompt} the cat sat, {n} times."} for n in range(8)]
    keep(paths.evaluation, GenerationResult({"samples": samples, "sampling": {"seed": 42}}), "generation", "generation")
    return paths
