"""How varied and how repetitive samples are, and how peaked the model's predictions: statistics, not a grade.

distinct-n: Li et al. 2016 (doi:10.18653/v1/N16-1014). Self-BLEU: Zhu et al. 2018
(doi:10.1145/3209978.3210080), with BLEU-4 smoothed by adding one to every precision above unigrams (Lin and
Och 2004). seq-rep-4: Welleck et al. 2020.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from babyllama.evaluation.generation import generate
from babyllama.evaluation.models import LoadedModel
from babyllama.evaluation.scoring.sequences import context_token, encode_plain

_MEANS = ("entropy", "top_1_probability", "top_5_probability", "token_probability")
DEFAULT_PROMPTS = ("Once upon a time", "The", "I think that", "In the morning,", "She said")


def generation_quality(
    loaded: LoadedModel,
    prompts: Sequence[str] = DEFAULT_PROMPTS,
    *,
    samples_per_prompt: int = 4,
    max_new_tokens: int = 60,
    temperature: float = 0.8,
    top_k: int | None = 50,
    top_p: float = 1.0,
    seed: int = 42,
) -> dict[str, Any]:
    """Seeded samples and their statistics over words (whitespace-separated, prompt excluded).

    Returns distinct_1..3 and self_bleu (over all samples of a prompt, averaged over prompts), repetition
    (share of 4-grams of a sample that occurred in it before), mean_words, entropy and top probabilities of
    the model on its own samples, and the samples themselves.
    """
    settings = {"max_new_tokens": max_new_tokens, "temperature": temperature, "top_k": top_k, "top_p": top_p}
    rows, groups = [], []
    for number, prompt in enumerate(prompts):
        texts = generate(loaded, prompt, seed=seed + number, num_samples=samples_per_prompt, **settings)  # type: ignore[arg-type]
        rows += [{"prompt": prompt, "text": text} for text in texts]
        groups.append([text[len(prompt) :].split() for text in texts])
    words = [sample for group in groups for sample in group]
    return {
        **{f"distinct_{n}": _mean([distinct(group, n) for group in groups]) for n in (1, 2, 3)},
        "self_bleu": _mean([self_bleu(group) for group in groups]),
        "repetition": _mean([repeated_share(sample, 4) for sample in words]),
        "mean_words": _mean([len(sample) for sample in words]),
        **token_statistics(loaded, [row["text"] for row in rows]),
        "sampling": {**settings, "seed": seed, "samples_per_prompt": samples_per_prompt},
        "samples": rows,
    }


def distinct(samples: Sequence[Sequence[str]], n: int) -> float:
    """Different n-grams as a share of all n-grams of the samples together; 0 when there are none."""
    grams = [gram for sample in samples for gram in _ngrams(sample, n)]
    return len(set(grams)) / len(grams) if grams else 0.0


def repeated_share(words: Sequence[str], n: int) -> float:
    """Share of a sample's n-grams that occurred earlier in it; 0 when it is too short to have any."""
    grams = _ngrams(words, n)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def self_bleu(samples: Sequence[Sequence[str]]) -> float:
    """Mean BLEU-4 of each sample against the others: 1 when all are the same. 0 for fewer than two
    samples."""
    if len(samples) < 2:
        return 0.0
    return _mean([_bleu(sample, [*samples[:i], *samples[i + 1 :]]) for i, sample in enumerate(samples)])


def token_statistics(loaded: LoadedModel, texts: Sequence[str], *, max_tokens: int = 256) -> dict[str, float]:
    """Means over all predicted tokens of `texts`, each read after the beginning mark.

    entropy (bits) of the predicted distribution, top_1 and top_5 probability mass, and the mean probability
    and median rank (1 is best) of the token that came.
    """
    import torch

    first = context_token(loaded.tokenizer)
    limit = min(max_tokens, loaded.context_length or max_tokens)
    totals = dict.fromkeys(_MEANS, 0.0)
    ranks: list[int] = []
    for ids in encode_plain(loaded.tokenizer, texts):
        whole = (([] if first is None else [first]) + ids)[: limit + 1]
        if len(whole) < 2:
            continue
        row = torch.tensor([whole], device=loaded.device)
        with torch.inference_mode():
            log_p = torch.log_softmax(loaded.model(row[:, :-1], use_cache=False).logits[0].float(), dim=-1)  # [T, V]
        came = log_p.gather(1, row[0, 1:, None])[:, 0]
        top = log_p.topk(min(5, log_p.shape[-1]), dim=-1).values.exp()
        totals["entropy"] += float(-(log_p.exp() * log_p).sum()) / math.log(2)
        totals["top_1_probability"] += float(top[:, 0].sum())
        totals["top_5_probability"] += float(top.sum())
        totals["token_probability"] += float(came.exp().sum())
        ranks += ((log_p > came[:, None]).sum(dim=-1) + 1).tolist()
    count = len(ranks)
    means = {name: total / count if count else math.nan for name, total in totals.items()}
    return {**means, "median_rank": float(sorted(ranks)[count // 2]) if count else math.nan, "tokens": float(count)}


def _ngrams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def _bleu(candidate: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    if not candidate:
        return 0.0
    logs = []
    for n in range(1, 5):
        found = Counter(_ngrams(candidate, n))
        most: Counter[tuple[str, ...]] = Counter()
        for reference in references:
            most |= Counter(_ngrams(reference, n))
        matched = sum(min(count, most[gram]) for gram, count in found.items())
        added = 0 if n == 1 else 1
        share = (matched + added) / (sum(found.values()) + added)
        if share == 0:
            return 0.0
        logs.append(math.log(share))
    nearest = min((len(r) for r in references), key=lambda length: (abs(length - len(candidate)), length))
    brevity = min(0.0, 1 - nearest / len(candidate))
    return math.exp(brevity + _mean(logs))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
