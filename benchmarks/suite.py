"""The zero-shot tasks of a BabyLM suite: BabyLlama beside the plain way of the official pipelines, in one process, in turns.

    python benchmarks/suite.py MODEL --data data/evaluation [--suite babylm-2025] [--fast] [--tasks ewok,reading]

Plain is what the pipelines do for a causal model: each option in a forward pass of its own, sixteen items to a right-padded
batch in the order of the files, log-probabilities of all tokens [B, T, V]; in the reading task one forward pass for every piece of a
word. Both ways get the same items, weights and number format (fp32); the largest difference between their log-probabilities is
printed, and in how many items they choose differently. Items longer than the context are left out of both.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from babyllama.config.tables import SUITES, TASKS
from babyllama.evaluation import LoadedModel, load_model
from babyllama.evaluation.choices import Choice, ChoiceSet, Option, score_choices
from babyllama.evaluation.reading_times import InContext, surprisals
from babyllama.evaluation.scoring import CausalScorer
from babyllama.evaluation.tasks import NoData, build_tasks

BATCH = 16
"""Items to a batch, the pipelines' default."""


def plain_choices(loaded: LoadedModel, items: list[Choice], reduction: str) -> list[np.ndarray]:
    """Scores of every option of every item."""
    import torch

    tokenizer, model = loaded.tokenizer, loaded.model
    values: list[list[float]] = [[] for _ in items]
    for start in range(0, len(items), BATCH):
        part = range(start, min(start + BATCH, len(items)))
        for number in range(max(len(items[k].options) for k in part)):
            rows = [(k, items[k].options[number]) for k in part if number < len(items[k].options)]
            encoded = [tokenizer(one.text, return_offsets_mapping=True) for _, one in rows]
            width = max(len(one["input_ids"]) for one in encoded)
            ids = torch.zeros(len(rows), width, dtype=torch.long)
            seen = torch.zeros(len(rows), width, dtype=torch.long)
            scored = torch.zeros(len(rows), width - 1)
            for row, (one, (_, option)) in enumerate(zip(encoded, rows, strict=True)):
                length = len(one["input_ids"])
                ids[row, :length] = torch.tensor(one["input_ids"])
                seen[row, :length] = 1
                for place, (_, end) in enumerate(one["offset_mapping"]):
                    if place and end > option.scored_from + one["offset_mapping"][0][0]:
                        scored[row, place - 1] = 1
            with torch.no_grad():
                logs = torch.log_softmax(model(input_ids=ids, attention_mask=seen).logits, dim=-1)
            came = logs[:, :-1].gather(-1, ids[:, 1:, None])[..., 0]
            totals = (came * scored).sum(1) / (scored.sum(1) if reduction == "mean" else 1)
            for (k, _), total in zip(rows, totals.tolist(), strict=True):
                values[k].append(total)
    return [np.array(one) for one in values]


def plain_reading(loaded: LoadedModel, words: list[InContext]) -> np.ndarray:
    """-ln p of every word, as the pipelines take it."""
    import torch

    def probability(text: str, token: int) -> float:
        with torch.no_grad():
            logits = loaded.model(**loaded.tokenizer(text, return_tensors="pt")).logits[0, -1]
        return float(torch.softmax(logits, dim=-1)[token])

    found = []
    for text, word in words:
        first, *later = loaded.tokenizer(word, add_special_tokens=False)["input_ids"]
        product = probability(text, first)
        text += loaded.tokenizer.decode(first)
        for token in later:
            piece = loaded.tokenizer.decode(token)
            product *= probability(text, loaded.tokenizer(piece, add_special_tokens=False)["input_ids"][0])
            text += piece
        found.append(-np.log(product))
    return np.array(found)


def timed(work: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[Any, float]:
    """(what `work` gives, seconds of processor time, which neighbours on the machine disturb less)"""
    started = time.process_time()
    return work(*arguments, **options), time.process_time() - started


def items_of(content: Any, loaded: LoadedModel) -> list[Choice]:
    """The items of a task that fit into the context, minimal pairs as choices of two."""
    if isinstance(content, ChoiceSet):
        items = content.items
    else:
        items = [Choice(pair.uid, (Option(pair.good), Option(pair.bad))) for pair in content[0].pairs]
    limit = loaded.context_length or 10**9
    return [
        item for item in items if all(len(loaded.tokenizer(one.text)["input_ids"]) <= limit for one in item.options)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--data", required=True)
    parser.add_argument("--suite", default="babylm-2026", choices=list(SUITES))
    parser.add_argument("--tasks")
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--share", type=int, default=1, help="score every n-th item only")
    args = parser.parse_args()
    suite = SUITES.get(args.suite)
    loaded = load_model(args.model, "cpu")
    sums = [0.0, 0.0]
    print(
        f"{loaded.name}, {loaded.parameters:,} parameters\n\n| task | items | BabyLlama, s | plain, s | x | largest difference | other choices |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|")
    for column in suite.picked(args.tasks.split(",") if args.tasks else None, fast=args.fast):
        if column.task not in TASKS or column.task == "glue":
            continue
        (task,) = build_tasks([column.task], suite.options(column, {"data": args.data, "fast": args.fast}))
        try:
            content = task.data(None).content
        except NoData:
            continue
        if column.task == "reading":
            words = [InContext(row["item"], row["word"]) for row in content]
            words += [InContext(row["prev_item"], row["prev_word"]) for row in content if row["prev_item"]]
            words = words[:: args.share]
            (ours, _), fast = timed(surprisals, loaded.tokenizer, CausalScorer(loaded), words, "causal", "official")
            plain, slow = timed(plain_reading, loaded, words)
            count, apart, other = len(words), float(np.abs(ours - plain).max()), 0
        else:
            items, reduction = items_of(content, loaded)[:: args.share], getattr(task, "reduction", "sum")
            scores, fast = timed(score_choices, loaded, items, reduction=reduction)
            values, slow = timed(plain_choices, loaded, items, reduction)
            count = len(items)
            apart = max(float(np.abs(a - b).max()) for a, b in zip(scores.values, values, strict=True))
            other = sum(int(a.argmax() != b.argmax()) for a, b in zip(scores.values, values, strict=True))
        sums = [sums[0] + fast, sums[1] + slow]
        print(
            f"| {column.title} | {count:,} | {fast:.1f} | {slow:.1f} | {slow / fast:.2f} | {apart:.1e} | {other} |",
            flush=True,
        )
    print(f"| all | | {sums[0]:.1f} | {sums[1]:.1f} | {sums[1] / sums[0]:.2f} | | |")
    print(
        f"\npeak memory of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB, of both ways together"
    )


if __name__ == "__main__":
    main()
