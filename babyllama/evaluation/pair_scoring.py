"""BLiMP and other minimal pairs: does the model give the acceptable sentence the higher score?"""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from babyllama.config.tables import PROTOCOLS
from babyllama.device import has_fast_bf16
from babyllama.errors import ConfigError, EvaluationError
from babyllama.evaluation.models import DTYPES, LoadedModel
from babyllama.evaluation.pair_results import MinimalPairResults, PairScores
from babyllama.evaluation.pairs import MinimalPair, PairSet, read_pairs
from babyllama.evaluation.protocols import Protocol
from babyllama.evaluation.scoring import Progress
from babyllama.evaluation.scoring.backends import BackendChoice, Scorer, backend_of, scorer_for
from babyllama.evaluation.scoring.masked import MaskedScorer, Metric, encode_masked
from babyllama.evaluation.scoring.sequences import Encoded


@dataclass(frozen=True)
class Rescoring:
    """Which pairs are scored again in fp32 after a bf16 pass."""

    sample: int = 500
    """Pairs scored in both number formats to see how far bf16 is off."""
    factor: float = 3.0
    """A pair whose bf16 margin lies within this many times the largest error of that sample is near a tie."""


NEAR_TIES = Rescoring()


@dataclass
class _Scored:
    """Reduced scores of sentences, by sentence."""

    values: dict[str, float] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)


def score_minimal_pairs(
    loaded: LoadedModel,
    folder: str | Path | PairSet,
    *,
    protocol: str = "lm-eval",
    pairs_per_paradigm: int | None = None,
    seed: int = 42,
    dtype: str = "auto",
    masked_metric: Metric = "original",
    backend: BackendChoice = "auto",
    rescoring: Rescoring = NEAR_TIES,
    progress: Progress | None = None,
) -> MinimalPairResults:
    """Score every pair of `folder` (a folder, a file, a Hub name, or pairs already read) under `protocol`.

    `pairs_per_paradigm` takes a subset drawn with `seed`, which also draws the ties of protocols that draw
    them. `dtype` is "fp32", "bf16", or "auto": a bf16 pass where the hardware computes bf16, with every pair
    near a tie (`rescoring` says how near) scored again in fp32, else fp32. Masked models are scored by pseudo-log-likelihood on their own marks,
    `masked_metric` saying what is masked ("original" or "within_word_l2r"); the protocol then settles reduction and ties.
    So they do for `backend` mntp, masked next-token prediction (`babyllama.evaluation.scoring.mntp`).
    """
    rules = PROTOCOLS.get(protocol)
    if dtype not in DTYPES:
        raise ConfigError(f"--dtype {dtype!r} is not one of {', '.join(DTYPES)}.")
    if pairs_per_paradigm is not None and pairs_per_paradigm < 1:
        raise EvaluationError(f"--pairs-per-paradigm {pairs_per_paradigm}: at least 1 pair of each paradigm is needed.")
    pair_set = folder if isinstance(folder, PairSet) else read_pairs(folder)
    if pairs_per_paradigm is not None:
        pair_set = pair_set.subset(pairs_per_paradigm, seed)
    started = time.perf_counter()
    sentences = list(dict.fromkeys(s for pair in pair_set.pairs for s in (pair.good, pair.bad)))
    way = backend_of(loaded, backend)
    encode = rules.encode if way == "causal" else partial(encode_masked, first=1 if way == "mntp" else 0)
    encoded = dict(zip(sentences, encode(loaded.tokenizer, sentences), strict=True))
    new_scorer = partial(MaskedScorer, metric=masked_metric) if way == "mlm" else partial(scorer_for, backend=way)
    scored, facts = _score_all(loaded, new_scorer, rules, pair_set.pairs, encoded, dtype, seed, rescoring, progress)
    if way == "mlm":
        facts["masked_metric"] = masked_metric
    if backend != "auto":
        facts["backend"] = way
    facts["sentences_longer_than_context"] = _count_long(encoded, loaded.context_length)
    scores = _decide(rules, pair_set.pairs, scored, seed)
    return MinimalPairResults(
        pair_set=pair_set,
        scores=scores,
        model=loaded.name,
        protocol=rules.name,
        ties_are_drawn=rules.ties == "random",
        seconds=time.perf_counter() - started,
        scoring=facts,
        seed=seed,
    )


def _score_all(
    loaded: LoadedModel,
    new_scorer: Callable[[LoadedModel], Scorer],
    rules: Protocol,
    pairs: Sequence[MinimalPair],
    encoded: dict[str, Encoded],
    dtype: str,
    seed: int,
    rescoring: Rescoring,
    progress: Progress | None,
) -> tuple[_Scored, dict[str, Any]]:
    exact = new_scorer(loaded)
    two_passes = dtype == "auto" and loaded.dtype == "fp32" and has_fast_bf16(loaded.device)
    if dtype == "bf16" and loaded.dtype != "bf16":
        fast = new_scorer(_in_bf16(loaded))
        return _score_sentences(fast, rules, encoded, encoded, progress), {"dtype": "bf16"}
    if not two_passes:
        return _score_sentences(exact, rules, encoded, encoded, progress), {"dtype": loaded.dtype}
    scored = _score_sentences(new_scorer(_in_bf16(loaded)), rules, encoded, encoded, progress)
    sample = random.Random(seed).sample(range(len(pairs)), min(rescoring.sample, len(pairs)))
    precise = _score_sentences(exact, rules, encoded, _sentences_of(pairs[i] for i in sample), None)
    errors = [abs(_margin(scored, pairs[i]) - _margin(precise, pairs[i])) for i in sample]
    largest = max((error for error in errors if not np.isnan(error)), default=0.0)
    threshold = rescoring.factor * largest
    near = [pair for pair in pairs if not abs(_margin(scored, pair)) > threshold]  # NaN counts as near
    near_sentences = set(_sentences_of(near))
    missing = [sentence for sentence in encoded if sentence in near_sentences and sentence not in precise.values]
    again = _score_sentences(exact, rules, encoded, missing, None)
    # A pair is compared in one number format: both of its sentences move to fp32 or neither does.
    for source in (precise, again):
        scored.values.update({s: v for s, v in source.values.items() if s in near_sentences})
    facts = {
        "dtype": "bf16, near ties again in fp32",
        "bf16_largest_error_estimate": float(largest),
        "rescore_margin": threshold,
        "rescored_share": len(near) / len(pairs),
    }
    return scored, facts


def _in_bf16(loaded: LoadedModel) -> LoadedModel:
    import torch

    twin = copy.copy(loaded)
    twin.model = copy.deepcopy(loaded.model).to(torch.bfloat16)
    twin.dtype = "bf16"
    return twin


def _score_sentences(
    scorer: Scorer, rules: Protocol, encoded: dict[str, Encoded], sentences: Any, progress: Progress | None
) -> _Scored:
    asked = list(sentences)
    arrays = scorer.score([encoded[sentence] for sentence in asked], progress)
    scored = _Scored()
    for sentence, values in zip(asked, arrays, strict=True):
        total = float(values.sum(dtype=np.float64))
        scored.tokens[sentence] = len(values)
        if rules.reduction == "mean":
            scored.values[sentence] = total / len(values) if len(values) else float("nan")
        else:
            scored.values[sentence] = total
    return scored


def _sentences_of(pairs: Any) -> list[str]:
    return list(dict.fromkeys(s for pair in pairs for s in (pair.good, pair.bad)))


def _margin(scored: _Scored, pair: MinimalPair) -> float:
    return scored.values[pair.good] - scored.values[pair.bad]


def _decide(rules: Protocol, pairs: Sequence[MinimalPair], scored: _Scored, seed: int) -> PairScores:
    good = np.array([scored.values[pair.good] for pair in pairs])
    bad = np.array([scored.values[pair.bad] for pair in pairs])
    left, right = good, bad
    if rules.nan_is_lowest:
        left, right = (np.where(np.isnan(values), -np.inf, values) for values in (good, bad))
    correct = left > right
    tied = left == right
    if rules.ties == "good":
        correct = correct | tied
    else:
        generator = random.Random(seed)
        correct = np.array(
            [generator.random() < 0.5 if t else c for t, c in zip(tied, correct, strict=True)], dtype=bool
        )
    return PairScores(
        good=good,
        bad=bad,
        good_tokens=np.array([scored.tokens[pair.good] for pair in pairs]),
        bad_tokens=np.array([scored.tokens[pair.bad] for pair in pairs]),
        correct=np.asarray(correct, dtype=bool),
        ties=tied,
    )


def _count_long(encoded: dict[str, Encoded], context: int | None) -> int:
    return 0 if context is None else sum(len(sequence.inputs) > context for sequence in encoded.values())
