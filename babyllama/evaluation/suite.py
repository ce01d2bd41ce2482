"""Small benchmarks one runs on a model to see what it is like: completion, consistency, repetition, speed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from babyllama.errors import EvaluationError
from babyllama.evaluation.generation import generate
from babyllama.evaluation.models import LoadedModel, load_model
from babyllama.evaluation.quality import distinct, repeated_share, self_bleu
from babyllama.evaluation.scoring import CausalScorer
from babyllama.evaluation.scoring.sequences import Encoded, context_token, encode_plain

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


class BenchmarkSuite:
    """Benchmarks of one model; each run_* method returns a dict of plain numbers and what they were measured on.

    Nothing is rolled into one grade: speed is not quality.
    """

    def __init__(self, model_path: str | Path | LoadedModel, device: str = "auto", **options: Any) -> None:
        """`options` go to `load_model`. EvaluationError for masked models, which generate nothing."""
        self.loaded = model_path if isinstance(model_path, LoadedModel) else load_model(model_path, device, **options)
        if self.loaded.masked:
            raise EvaluationError(f"{self.loaded.name} is a masked language model: it cannot continue a text.")

    def run_completion_benchmark(self, items: Sequence[tuple[str, str, str]] = COMPLETIONS) -> dict[str, Any]:
        """How often the sensible completion gets the higher log-probability given the prompt (chance: 0.5)."""
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
        self, prompts: Sequence[str] = PROMPTS, *, num_samples: int = 4, max_new_tokens: int = 40, seed: int = 42
    ) -> dict[str, Any]:
        """How alike several samples of a prompt are (self-BLEU, 1: all the same), and whether a seed repeats itself."""
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
        self, prompts: Sequence[str] = PROMPTS, *, max_new_tokens: int = 80, seed: int = 42
    ) -> dict[str, Any]:
        """Share of repeated 4-grams in samples and in greedy continuations, where repetition shows first."""
        shares: dict[str, list[float]] = {"sampled": [], "greedy": []}
        for prompt in prompts:
            for name, temperature in (("sampled", 0.8), ("greedy", 0.0)):
                text = generate(self.loaded, prompt, temperature=temperature, max_new_tokens=max_new_tokens, seed=seed)[
                    0
                ]
                shares[name].append(repeated_share(text[len(prompt) :].split(), 4))
        return {f"{name}_repetition": statistics.fmean(values) for name, values in shares.items()} | {"n": len(prompts)}

    def run_speed_benchmark(self, *, repeats: int = 3, length: int = 128, batch: int = 8) -> dict[str, Any]:
        """Tokens per second, median of `repeats` after one warm-up: reading (a forward pass) and generating one by one."""
        import torch

        width = min(length, self.loaded.context_length or length)
        vocabulary = self.loaded.model.get_output_embeddings().weight.shape[0]
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(vocabulary, (batch, width), generator=generator).to(self.loaded.device)
        steps = max(1, min(32, width - 1))
        prompt = ids[:1, : width - steps]

        def read() -> int:
            self.loaded.model(ids, use_cache=False)
            return batch * width

        def write() -> int:
            self.loaded.model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                do_sample=False,
                min_new_tokens=steps,
                max_new_tokens=steps,
                pad_token_id=0,
            )
            return steps

        with torch.inference_mode():
            reading, writing = self._rate(read, repeats), self._rate(write, repeats)
        return {
            "read_tokens_per_second": reading,
            "generated_tokens_per_second": writing,
            "batch": batch,
            "length": width,
            "device": str(self.loaded.device),
            "parameters": self.loaded.parameters,
        }

    def run_all_benchmarks(self) -> dict[str, Any]:
        """All of them: {"model", "completion", "consistency", "repetition", "speed"}."""
        return {
            "model": self.loaded.name,
            "completion": self.run_completion_benchmark(),
            "consistency": self.run_consistency_benchmark(),
            "repetition": self.run_repetition_benchmark(),
            "speed": self.run_speed_benchmark(),
        }

    def _rate(self, work: Any, repeats: int) -> float:
        work()
        self._wait()
        rates = []
        for _ in range(repeats):
            started = time.perf_counter()
            tokens = work()
            self._wait()
            rates.append(tokens / (time.perf_counter() - started))
        return statistics.median(rates)

    def _wait(self) -> None:
        import torch

        if self.loaded.device.type == "cuda":
            torch.cuda.synchronize(self.loaded.device)
        elif self.loaded.device.type == "mps":
            torch.mps.synchronize()
