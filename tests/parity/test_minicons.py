"""Scores against minicons itself, on the same model. Needs the extra `parity`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_world import PAIRS, TEXT, load, make_tokenizer, save_model, write_pairs

pytest.importorskip("minicons", reason="the extra `parity` (lm-eval, minicons) is not installed")

from babyllama.evaluation import score_minimal_pairs
from babyllama.evaluation.masked import MaskedScorer, encode_masked


def scorer(folder: Path, kind: str = "IncrementalLMScorer") -> Any:
    from minicons import scorer as minicons_scorer

    return getattr(minicons_scorer, kind)(str(folder), "cpu")


@pytest.mark.integration
@pytest.mark.parametrize("family", ["Llama", "GPT2", "GPTJ"])
@pytest.mark.parametrize("adds_marks", [False, True])
def test_minimal_pair_scores(tmp_path: Path, family: str, adds_marks: bool) -> None:
    model = save_model(tmp_path / "model", family, make_tokenizer(adds_marks=adds_marks))
    ours = score_minimal_pairs(load(model), write_pairs(tmp_path / "pairs"), protocol="minicons")
    theirs = scorer(model)
    for attribute, found in (("good", ours.scores.good), ("bad", ours.scores.bad)):
        sentences = [getattr(pair, attribute) for pair in ours.pairs]
        np.testing.assert_allclose(found, theirs.sequence_score(sentences), atol=1e-4)


@pytest.mark.integration
@pytest.mark.parametrize("metric", ["original", "within_word_l2r"])
def test_masked_token_scores(tmp_path: Path, metric: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = save_model(tmp_path / "model", "Bert", masked_tokenizer())
    loaded = load(model)
    sentences = [good for _, good, _ in PAIRS] + TEXT
    ours = MaskedScorer(loaded, metric).score(encode_masked(loaded.tokenizer, sentences))
    masked = scorer(model, "MaskedLMScorer")
    # minicons 0.3.39 calls the tokenizer under a name that transformers 5 has dropped.
    monkeypatch.setattr(type(masked.tokenizer), "batch_encode_plus", type(masked.tokenizer).__call__, raising=False)
    theirs = masked.sequence_score(sentences, PLL_metric=metric, reduction=lambda x: x.sum(0).item())
    np.testing.assert_allclose([values.sum() for values in ours], theirs, atol=1e-4)


def masked_tokenizer() -> Any:
    """The byte-level tokenizer with BERT's marks under the names minicons asks for."""
    tokenizer = make_tokenizer(adds_marks=True)
    tokenizer.cls_token, tokenizer.sep_token = "<s>", "</s>"
    return tokenizer
