"""Several models on the same minimal pairs: which differences a paired test supports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from babyllama.errors import EvaluationError
from babyllama.evaluation.pair_results import MinimalPairResults
from babyllama.evaluation.perplexity import PerplexityResult
from babyllama.evaluation.statistics import holm, mcnemar

LEVEL = 0.05
"""Differences with a corrected p below this are called supported."""


def compare(models: Sequence[str], kept: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Tables over `models` from the result objects of each (task name -> object).

    `{"minimal_pairs": {set: {...}}, "perplexity": {...}}`; models that lack a task are left out of its table.
    """
    value: dict[str, Any] = {}
    names = list(dict.fromkeys(name for found in kept for name in found))
    for name in names:
        results = [found[name] for found in kept if isinstance(found.get(name), MinimalPairResults)]
        if len(results) > 1:
            value.setdefault("minimal_pairs", {})[name] = compare_minimal_pairs(results)
    keys = ("perplexity", "bits_per_byte", "word_perplexity", "tokens", "documents", "bytes")
    rows = [
        {"model": model} | {key: found["perplexity"].to_json()[key] for key in keys}
        for model, found in zip(models, kept, strict=True)
        if isinstance(found.get("perplexity"), PerplexityResult)
    ]
    # Perplexities of different texts do not compare; the size of the text tells.
    if len(rows) > 1 and len({(row["bytes"], row["documents"]) for row in rows}) == 1:
        value["perplexity"] = rows
    return value


def compare_minimal_pairs(results: Sequence[MinimalPairResults]) -> dict[str, Any]:
    """Accuracy of each model by term, and every later model against the first one, pair by pair.

    Each paradigm is tested with McNemar's exact test; the p-values of all paradigms are corrected together (Holm), so
    that of 67 comparisons without any difference one in twenty tables shows even a single mark. `overall` tests all
    pairs at once. EvaluationError when the models were not scored on the same pairs under one protocol.
    """
    first = results[0]
    identity = [(pair.uid, pair.pair_id, pair.good, pair.bad) for pair in first.pairs]
    for other in results[1:]:
        if [(pair.uid, pair.pair_id, pair.good, pair.bad) for pair in other.pairs] != identity:
            raise EvaluationError(f"{first.model} and {other.model} were scored on different pairs; score both again.")
        if other.protocol != first.protocol:
            raise EvaluationError(
                f"{first.model} was scored under {first.protocol} and {other.model} under {other.protocol}: not comparable."
            )
    uids = np.array([pair.uid for pair in first.pairs])
    tests = []
    for other in results[1:]:
        ours, theirs = first.scores.correct, other.scores.correct
        raw = {uid: mcnemar(ours[uids == uid], theirs[uids == uid]) for uid in first.paradigms}
        corrected = holm({uid: p for uid, (_, _, p) in raw.items()})
        only_first, only_second, p = mcnemar(ours, theirs)
        tests.append(
            {
                "first": first.model,
                "second": other.model,
                "overall": {"only_first": only_first, "only_second": only_second, "p": p},
                "paradigms": {
                    uid: {
                        "difference": other.paradigms[uid]["accuracy"] - first.paradigms[uid]["accuracy"],
                        "only_first": raw[uid][0],
                        "only_second": raw[uid][1],
                        "p": raw[uid][2],
                        "p_corrected": corrected[uid],
                        "supported": corrected[uid] < LEVEL,
                    }
                    for uid in raw
                },
            }
        )
    return {
        "protocol": first.protocol,
        "n": first.n,
        "models": [
            {
                "model": result.model,
                "accuracy": result.accuracy,
                "interval": list(result.interval),
                "ties": result.ties,
                "terms": {term: row["accuracy"] for term, row in result.terms.items()},
                "fields": {field: row["accuracy"] for field, row in result.fields.items()},
                "paradigms": {uid: row["accuracy"] for uid, row in result.paradigms.items()},
            }
            for result in results
        ],
        "tests": tests,
    }
