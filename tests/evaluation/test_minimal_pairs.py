"""Reading pairs, averages and counts, the bf16 pass, comparing models."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_world import FAMILY_NAMES, PAIRS, load, save_model, write_pairs

from babyllama.artifacts import Manifest
from babyllama.cli import main
from babyllama.errors import DataError, EvaluationError
from babyllama.evaluation import read_pairs, score_minimal_pairs
from babyllama.evaluation.pair_results import MinimalPairResults, PairScores
from babyllama.evaluation.pairs import BLIMP_PARADIGMS, MinimalPair, PairSet, default_pair_folder, is_whole_blimp
from babyllama.evaluation.runner import compare
from babyllama.evaluation.tasks.minimal_pairs import MinimalPairsResult

pytestmark = pytest.mark.unit


def test_the_67_paradigms() -> None:
    assert len(BLIMP_PARADIGMS) == 67
    assert len({term for _, term in BLIMP_PARADIGMS.values()}) == 12
    assert {field for field, _ in BLIMP_PARADIGMS.values()} == {"morphology", "semantics", "syntax", "syntax_semantics"}


def test_real_blimp_files_are_recognised(shared_data: Path) -> None:
    found = read_pairs(shared_data / "blimp_half")
    assert (found.name, found.missing, len(found.pairs)) == ("blimp", [], 33500)
    assert {(p.uid, (p.field, p.term)) for p in found.pairs} == set(BLIMP_PARADIGMS.items())


def test_missing_paradigms_are_named(tmp_path: Path) -> None:
    pairs = [("wh_island", "Who slept?", "Who did slept?"), ("causative", "She ran.", "She run.")]
    loaded = load(save_model(tmp_path / "model"))
    found = score_minimal_pairs(loaded, write_pairs(tmp_path / "some", pairs))
    assert found.name == "blimp"
    assert found.of == "2 of 67 paradigms"
    assert len(found.pair_set.missing) == 65
    assert "adjunct_island" in found.to_json()["missing_paradigms"]
    assert any("65 of BLiMP's 67 paradigms are missing (anaphor_gender_agreement" in line for line in found.notes())


def test_synthetic_and_custom_pairs_never_pass_for_blimp(tmp_path: Path) -> None:
    as_blimp = [("wh_island", "Who slept?", "Who did slept?")]
    synthetic = write_pairs(tmp_path / "data" / "blimp", as_blimp)
    Manifest(stage="synthetic", inputs={}, settings={}).write(synthetic)
    assert read_pairs(synthetic).name == "blimp_synthetic"
    assert read_pairs(write_pairs(tmp_path / "blimp_synthetic")).name == "blimp_synthetic"
    assert read_pairs(write_pairs(tmp_path / "my_pairs")).name == "my_pairs"
    assert read_pairs(write_pairs(tmp_path / "blimp")).name == "custom_pairs"
    assert read_pairs(tmp_path / "my_pairs" / "npi.jsonl").name == "npi"


def test_default_folder_prefers_blimp(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither data/blimp/ nor data/blimp_synthetic/.*--blimp-data"):
        default_pair_folder(tmp_path)
    write_pairs(tmp_path / "data" / "blimp_synthetic")
    assert default_pair_folder(tmp_path).name == "blimp_synthetic"
    write_pairs(tmp_path / "data" / "blimp")
    assert default_pair_folder(tmp_path).name == "blimp"


def test_files_without_uid_are_one_paradigm_each(tmp_path: Path) -> None:
    (tmp_path / "hypernym.jsonl").write_text('{"sentence_good": "A b.", "sentence_bad": "B a."}\n\n')
    (pair,) = read_pairs(tmp_path).pairs
    assert pair == MinimalPair("hypernym", "0", "A b.", "B a.", "supplement", "supplement")


GOOD = '{"sentence_good": "A b.", "sentence_bad": "B a.", "UID": "x", "pairID": "7"}\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "{broken\n", r"x\.jsonl, line 2: broken JSON"),
        (GOOD + "[1]\n", r"x\.jsonl, line 2: a JSON list instead of an object"),
        (GOOD + '{"sentence_good": "A b."}\n', r"x\.jsonl, line 2: no 'sentence_bad'"),
        ('{"sentence_good": 5, "sentence_bad": "B a."}\n', r"line 1: not a text in 'sentence_good'"),
        (
            GOOD + '{"sentence_good": "A b.", "sentence_bad": " "}\n',
            r"line 2: 'sentence_bad' is empty.*Remove the pair",
        ),
        (GOOD + "\n" + GOOD, r"line 3: pairID '7' of x already stands in line 1"),
        (GOOD.encode() + b"\xff\n", r"line 2: not UTF-8"),
        ("", "are empty"),
    ],
)
def test_broken_files_are_named_with_their_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    (tmp_path / "x.jsonl").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=message):
        read_pairs(tmp_path)


def test_a_folder_without_pairs(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(DataError, match="holds no minimal-pair files"):
        read_pairs(tmp_path)
    with pytest.raises(DataError, match="there is no such folder"):
        read_pairs(tmp_path / "a" / "b" / "nowhere")


def test_pairs_from_a_data_set_in_hub_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`datasets` reads a local copy laid out as the Hub's: one configuration per paradigm, split train."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    pairs = [("wh_island", "Who slept?", "Who did slept?"), ("causative", "She ran.", "She run.")]
    write_pairs(tmp_path / "nyu" / "data", pairs)
    lines = "".join(f"- config_name: {uid}\n  data_files: data/{uid}.jsonl\n" for uid, _, _ in pairs)
    (tmp_path / "nyu" / "README.md").write_text(f"---\nconfigs:\n{lines}---\n")
    from babyllama.evaluation.pairs.reading import PAIR_FORMATS, _read_hub

    blimp = PAIR_FORMATS.get("blimp")
    found = sorted(pair.uid for pair in _read_hub("./nyu", blimp))
    assert found == ["causative", "wh_island"]
    with pytest.raises(DataError, match=r"cannot read minimal pairs from the Hub data set \./nowhere"):
        list(_read_hub("./nowhere", blimp))


def test_subsets_are_seeded_and_stay_when_files_join(tmp_path: Path) -> None:
    many = [(uid, f"The {n} {uid} cat.", f"The {n} {uid} cats.") for uid in ("a", "b") for n in range(30)]
    found = read_pairs(write_pairs(tmp_path / "p", many))
    some = found.subset(5, seed=1)
    assert [pair.uid for pair in some.pairs] == ["a"] * 5 + ["b"] * 5
    assert some.pairs == found.subset(5, seed=1).pairs != found.subset(5, seed=2).pairs
    assert len(found.subset(99, seed=1).pairs) == 60
    alone = read_pairs(write_pairs(tmp_path / "q", [row for row in many if row[0] == "b"]))
    assert alone.subset(5, seed=1).pairs == [pair for pair in some.pairs if pair.uid == "b"]


def made_up(
    correct: list[bool], *, good: list[float] | None = None, bad: list[float] | None = None, model: str = "m"
) -> MinimalPairResults:
    uids = ["a", "a", "a", "a", "b", "b"]
    pairs = [MinimalPair(uid, str(n), f"good {n}", f"bad {n}", "f", f"term_{uid}") for n, uid in enumerate(uids)]
    scores = PairScores(
        good=np.array(good or [float(c) for c in correct]),
        bad=np.array(bad or [0.5] * 6),
        good_tokens=np.array([3, 3, 4, 2, 3, 3]),
        bad_tokens=np.array([3, 4, 3, 3, 3, 3]),
        correct=np.array(correct),
        ties=np.zeros(6, dtype=bool),
    )
    return MinimalPairResults(PairSet("set", pairs, [], "set"), model, "lm-eval", scores)


def compare_pairs(measured: list[MinimalPairResults]) -> dict[str, Any]:
    return MinimalPairsResult.compare([one.model for one in measured], [MinimalPairsResult.of(one) for one in measured])


def test_averages() -> None:
    found = made_up([True, True, True, False, False, True]).to_json()
    assert found["paradigms"]["a"]["accuracy"] == 0.75
    assert found["accuracy"] == pytest.approx((0.75 + 0.5) / 2)
    assert found["accuracy_over_pairs"] == pytest.approx(4 / 6)
    assert found["terms"]["term_b"] | {"low": 0, "high": 0} == {
        "accuracy": 0.5,
        "n": 2,
        "ties": 0,
        "nan": 0,
        "low": 0,
        "high": 0,
    }
    assert found["length_bias"]["good_longer"]["n"] == 1
    assert found["length_bias"]["good_shorter"]["accuracy"] == 0.5
    assert found["length_bias"]["equal"]["n"] == 3
    assert found["accuracy_low"] < found["accuracy"] < found["accuracy_high"]
    json.dumps(found, allow_nan=False)


def test_csv_and_predictions() -> None:
    found = made_up([True, True, True, False, False, True])
    lines = found.to_csv().splitlines()
    assert lines[0] == "uid,field,term,accuracy,n,ties,nan,low,high"
    assert lines[1].startswith("a,f,term_a,0.75,4,0,0,")
    assert found.official_predictions()["b"] == {
        "predictions": [{"id": "b_0", "pred": "bad 4"}, {"id": "b_1", "pred": "good 5"}]
    }
    assert list(found.predictions())[3]["correct"] is False


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_bf16_with_near_ties_again_decides_as_fp32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    from babyllama.evaluation import pair_scoring

    loaded = load(save_model(tmp_path / "model", family))
    pairs = [(f"p{n % 3}", f"{good} {n}", f"{bad} {n}") for n in range(8) for _, good, bad in PAIRS]
    folder = write_pairs(tmp_path / "pairs", pairs)
    exact = score_minimal_pairs(loaded, folder, dtype="fp32")
    assert exact.scoring["dtype"] == "fp32"
    monkeypatch.setattr(pair_scoring, "has_fast_bf16", lambda device: True)
    first = score_minimal_pairs(loaded, folder, rescoring=pair_scoring.Rescoring(sample=10))
    error = first.scoring["bf16_largest_error_estimate"]
    # Half of these few pairs shall lie near a tie.
    half = float(np.median(np.abs(exact.scores.good - exact.scores.bad)))
    fast = score_minimal_pairs(loaded, folder, rescoring=pair_scoring.Rescoring(sample=10, factor=half / error))
    assert 0 < fast.scoring["rescored_share"] < 1
    assert list(fast.scores.correct) == list(exact.scores.correct)
    assert any("again in fp32" in line and "estimated" in line for line in fast.notes())
    margins = np.abs(exact.scores.good - exact.scores.bad)
    near = margins < fast.scoring["rescore_margin"] / 3
    np.testing.assert_allclose(fast.scores.good[near], exact.scores.good[near], atol=1e-4)
    assert not np.allclose(fast.scores.good, exact.scores.good, atol=1e-4), "the rest was scored in bf16"
    rough = score_minimal_pairs(loaded, folder, dtype="bf16")
    assert rough.scoring["dtype"] == "bf16"
    assert loaded.model.dtype.is_floating_point
    assert str(loaded.model.dtype) == "torch.float32", "the model itself stays as it was"


def test_masked_models_are_scored_token_by_token(tmp_path: Path) -> None:
    import torch

    loaded = load(save_model(tmp_path / "model", "Bert"))
    assert loaded.masked
    found = score_minimal_pairs(loaded, write_pairs(tmp_path / "pairs"), dtype="fp32")
    for index, pair in enumerate(found.pairs[:3]):
        ids = loaded.tokenizer(pair.good, return_tensors="pt")["input_ids"]
        total = 0.0
        for position in range(ids.shape[1]):
            hidden = ids.clone()
            hidden[0, position] = loaded.tokenizer.mask_token_id
            with torch.no_grad():
                total += float(loaded.model(hidden).logits[0, position].log_softmax(-1)[ids[0, position]])
        assert found.scores.good[index] == pytest.approx(total, abs=1e-4)


def test_the_metric_of_masked_models_is_chosen_on_the_command_line(tmp_path: Path, capsys: Any) -> None:
    model, pairs = save_model(tmp_path / "model", "Bert"), write_pairs(tmp_path / "pairs")
    command = ["evaluate", str(model), "--tasks", "blimp", "--blimp-data", str(pairs), "--json", "--quiet"]
    assert main([*command, "--masked-metric", "within_word_l2r"]) == 0
    found = json.loads(capsys.readouterr().out)["results"]["pairs"]
    assert found["scoring"]["masked_metric"] == "within_word_l2r"
    loaded = load(model)
    scores = {
        metric: score_minimal_pairs(loaded, pairs, masked_metric=metric).scores.good
        for metric in ("original", "within_word_l2r")
    }
    assert not np.allclose(scores["original"], scores["within_word_l2r"]), "some words are several tokens long"


def test_comparison_of_two_models() -> None:
    first = made_up([True, True, True, True, True, True], model="one")
    second = made_up([False, False, False, False, True, True], model="two")
    found = compare_pairs([first, second])
    (test,) = found["tests"]
    assert test["overall"] == {"only_first": 4, "only_second": 0, "p": 0.125}
    assert test["paradigms"]["a"]["p"] == 0.125
    assert test["paradigms"]["a"]["p_corrected"] == 0.25
    assert test["paradigms"]["a"]["difference"] == -1.0
    same = dict(test["paradigms"]["b"])
    assert same.pop("low") == -same.pop("high") < 0
    assert same | {"supported": None} == {
        "difference": 0.0, "only_first": 0, "only_second": 0, "p": 1.0, "p_corrected": 1.0, "supported": None,
    }  # fmt: skip
    assert [model["accuracy"] for model in found["models"]] == [1.0, 0.5]
    results = [[MinimalPairsResult.of(first)], [MinimalPairsResult.of(second)]]
    assert compare(["one", "two"], results)["minimal_pairs"]["set"] == found


def test_models_scored_differently_do_not_compare() -> None:
    first, second = made_up([True] * 6), made_up([True] * 6)
    second.protocol = "minicons"
    with pytest.raises(EvaluationError, match="not comparable"):
        compare_pairs([first, second])
    third = made_up([True] * 6)
    third.pair_set = replace(third.pair_set, pairs=third.pairs[::-1])
    with pytest.raises(EvaluationError, match="different pairs"):
        compare_pairs([first, third])


def test_progress_ends_with_everything_done(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    loaded = load(save_model(tmp_path / "model"))
    score_minimal_pairs(
        loaded, write_pairs(tmp_path / "pairs"), progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (14, 14)


@pytest.mark.parametrize("value", [0, -3])
def test_pairs_per_paradigm_must_be_positive(tmp_path: Path, value: Any) -> None:
    with pytest.raises(EvaluationError, match="at least 1 pair"):
        score_minimal_pairs(load(save_model(tmp_path / "m")), write_pairs(tmp_path / "p"), pairs_per_paradigm=value)


def test_only_all_of_blimp_is_blimp() -> None:
    """67 paradigms with 1,000 pairs each, and nothing else."""
    uids = [uid for uid in BLIMP_PARADIGMS for _ in range(1000)]
    assert is_whole_blimp(uids)
    assert not is_whole_blimp(uids[:-1])
    assert not is_whole_blimp([*uids, "other"])
    assert not is_whole_blimp([*uids[:-1], uids[0]]), "as many, but not of each paradigm"


def test_a_part_of_blimp_says_so(tmp_path: Path) -> None:
    folder = write_pairs(
        tmp_path / "blimp", [("wh_island", "Who ran?", "Who run?"), ("wh_island", "I ran.", "I runs.")]
    )
    found = score_minimal_pairs(load(save_model(tmp_path / "m")), folder).to_json()
    assert (found["set"], found["subset"], found["n"], found["set_size"]) == ("blimp", True, 2, 67_000)
