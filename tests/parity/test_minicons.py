"""Scores against minicons itself, on the same model, in fp32 whatever the processor. Needs the extra `parity`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_world import FAMILY_NAMES, PAIRS, TEXT, load, make_tokenizer, save_model, write_pairs

pytest.importorskip("minicons", reason="the extra `parity` (lm-eval, minicons) is not installed")

from babyllama.evaluation import score_minimal_pairs
from babyllama.evaluation.scoring.masked import MaskedScorer, encode_masked
from babyllama.evaluation.surprisal import surprisal


def scorer(folder: Path, kind: str = "IncrementalLMScorer") -> Any:
    from minicons import scorer as minicons_scorer

    return getattr(minicons_scorer, kind)(str(folder), "cpu")


@pytest.mark.integration
@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize("adds_marks", [False, True])
def test_minimal_pair_scores(tmp_path: Path, family: str, adds_marks: bool) -> None:
    model = save_model(tmp_path / "model", family, make_tokenizer(adds_marks=adds_marks))
    ours = score_minimal_pairs(load(model), write_pairs(tmp_path / "pairs"), protocol="minicons", dtype="fp32")
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


@pytest.mark.integration
@pytest.mark.parametrize("corrected", [False, True])
def test_word_surprisal(tmp_path: Path, corrected: bool) -> None:
    """minicons counts boundaries by the space mark alone and corrects a first word at its end only."""
    model = save_model(tmp_path / "model", "GPT2")
    loaded = load(model)
    theirs = scorer(model)
    sentences = ["The cat that the dogs chased is sleeping", "Once upon a time", "Nobody has ever seen these"]
    boundary = np.array(sorted(i for token, i in loaded.tokenizer.get_vocab().items() if token.startswith("Ġ")))
    rows = list(surprisal(loaded, sentences, boundary=boundary))
    expected = theirs.word_score_tokenized(
        sentences, str.split, bos_token=True, surprisal=True, base_two=True, bow_correction=corrected
    )
    found = [[row for row in rows if row.sentence == number] for number in range(1, len(sentences) + 1)]
    for mine, words in zip(found, expected, strict=True):
        assert [row.word for row in mine] == [word.strip() for word, _ in words]
        values = [row.surprisal_corrected if corrected else row.surprisal for row in mine]
        np.testing.assert_allclose(values[1:], [score for _, score in words][1:], atol=1e-3)
        if not corrected:
            assert values[0] == pytest.approx(words[0][1], abs=1e-3)
