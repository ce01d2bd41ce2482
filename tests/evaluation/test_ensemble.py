"""Several models scored as one, by the mean of their probabilities."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from evaluation_world import FAMILY_NAMES, load, make_tokenizer, save_model, write_pairs
from test_scoring import plain_log_probs, sentences

from babyllama.cli import main
from babyllama.errors import EvaluationError, TokenizerError
from babyllama.evaluation.ensemble import load_ensemble
from babyllama.evaluation.generation import generate
from babyllama.evaluation.scoring.causal import CausalScorer

pytestmark = pytest.mark.unit


def test_scores_are_the_mean_of_the_models_probabilities_in_trees(tmp_path: Path) -> None:
    models = [load(save_model(tmp_path / name, name, seed=n)) for n, name in enumerate(FAMILY_NAMES)]
    ensemble = load_ensemble(models)
    scorer = CausalScorer(ensemble, row_tokens=40, batch_tokens=160)
    encoded = sentences()
    found = scorer.score(encoded)
    assert scorer.use_trees, "every family holds trees, so their ensemble must"
    for sequence, values in zip(encoded, found, strict=True):
        each = np.stack([plain_log_probs(one.model, sequence.ids) for one in models])
        np.testing.assert_allclose(values, np.log(np.exp(each).mean(0)), atol=2e-5)
    assert ensemble.name == "mean of " + ", ".join(FAMILY_NAMES)
    assert ensemble.parameters == sum(one.parameters for one in models)


def test_an_ensemble_of_one_model_twice_is_that_model(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path / "one"))
    encoded = sentences()
    alone, twice = CausalScorer(loaded).score(encoded), CausalScorer(load_ensemble([loaded, loaded])).score(encoded)
    for one, two in zip(alone, twice, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


def test_the_shortest_context_of_the_models_is_the_ensembles(tmp_path: Path) -> None:
    models = [load(save_model(tmp_path / str(size), context=size)) for size in (64, 32)]
    assert load_ensemble(models).context_length == 32


def test_models_that_cannot_be_averaged_are_refused(tmp_path: Path) -> None:
    one = load(save_model(tmp_path / "one"))
    longer = make_tokenizer()
    longer.add_tokens(["tok"])
    other = load(save_model(tmp_path / "other", tokenizer=longer, vocab_size=331))
    with pytest.raises(TokenizerError, match=r"one and other have different tokenizers \(sha256:"):
        load_ensemble([one, other])
    with pytest.raises(EvaluationError, match="masked language model"):
        load_ensemble([one, load(save_model(tmp_path / "bert", "Bert"))])
    with pytest.raises(EvaluationError, match="at least two"):
        load_ensemble([one])
    with pytest.raises(EvaluationError, match="scored, not sampled"):
        generate(load_ensemble([one, one]), "The cat")


def test_an_ensemble_stands_beside_its_models_in_the_comparison(tmp_path: Path) -> None:
    one, two = (str(save_model(tmp_path / f"m{seed}", seed=seed)) for seed in (1, 2))
    pairs, output = write_pairs(tmp_path / "blimp"), tmp_path / "results.json"
    flags = ["--tasks", "blimp", "--blimp-data", str(pairs), "--output-path", str(output), "--device", "cpu"]
    assert main(["evaluate", one, two, "--ensemble", one, two, *flags]) == 0
    models = json.loads(output.read_text())["models"]
    (beside,) = models[2]["results"].values()
    assert [model["model"] for model in models] == ["m1", "m2", "mean of m1, m2"]
    assert main(["evaluate", "--ensemble", one, two, *flags]) == 0
    (alone,) = json.loads(output.read_text())["results"].values()
    assert {**alone, "seconds": 0} == {**beside, "seconds": 0}


def test_a_suite_is_of_models_not_of_ensembles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(save_model(tmp_path / "one"))
    assert main(["evaluate", "--ensemble", model, model, "--suite", "babylm-2026"]) == 2
    assert "an ensemble is none" in capsys.readouterr().err
    assert main(["evaluate", "--ensemble", model]) == 2
    assert "at least two" in capsys.readouterr().err
