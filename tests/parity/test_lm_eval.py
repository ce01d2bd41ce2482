"""Scores and decisions against lm-evaluation-harness itself, on the same model and the same pairs.

Needs the extra `parity`: pip install -c constraints.txt -e ".[test,parity]".
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_world import FAMILY_NAMES, PAIRS, load, make_tokenizer, save_model, write_pairs

pytest.importorskip("lm_eval", reason="the extra `parity` (lm-eval, minicons) is not installed")

from babyllama.evaluation import perplexity, score_minimal_pairs

MORE_PAIRS = [
    *PAIRS,
    ("same", "The cat is here.", "The cat is here."),
    ("same", "A dog saw the cat.", "A dog saw the the cat."),
    # No `<s>` here: in raw text it is ordinary text to us and a special token to the harness (docs/tokenizers.md).
    ("letters", "It costs 5 € <i> said Zoë.", "It cost 5 € <i> said Zoë."),
]


def harness(folder: Path) -> Any:
    """The harness's own model class, as `lm_eval --model hf` makes it."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=4)


def run_blimp_tasks(folder: Path, pairs: Path, tmp_path: Path) -> dict[str, Any]:
    """The harness's BLiMP tasks (its own template) over local files instead of the Hub."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    template = Path(lm_eval.__file__).parent / "tasks" / "blimp" / "_template_yaml"
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    names = []
    for file in sorted(pairs.glob("*.jsonl")):
        names.append(f"local_{file.stem}")
        (tasks / f"{file.stem}.yaml").write_text(
            f"include: {template}\ntask: local_{file.stem}\ndataset_path: json\ndataset_name: null\n"
            f"dataset_kwargs:\n  data_files:\n    train: {file}\n",
            encoding="utf-8",
        )
    manager = TaskManager(include_path=str(tasks), include_defaults=False)
    return lm_eval.simple_evaluate(
        model=harness(folder), tasks=names, task_manager=manager, log_samples=True, bootstrap_iters=0
    )


@pytest.mark.integration
@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_blimp_scores_and_decisions(tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    model = save_model(tmp_path / "model", family)
    folder = write_pairs(tmp_path / "pairs", MORE_PAIRS)
    theirs = run_blimp_tasks(model, folder, tmp_path)
    ours = score_minimal_pairs(load(model), folder, protocol="lm-eval", dtype="fp32")
    by_uid = {uid: [i for i, pair in enumerate(ours.pairs) if pair.uid == uid] for uid in ours.paradigms}
    for uid, rows in by_uid.items():
        samples = sorted(theirs["samples"][f"local_{uid}"], key=lambda sample: sample["doc_id"])
        assert len(samples) == len(rows)
        scores = np.array([[float(resp[0][0]) for resp in sample["resps"]] for sample in samples])
        np.testing.assert_allclose(ours.scores.good[rows], scores[:, 0], atol=1e-4)
        np.testing.assert_allclose(ours.scores.bad[rows], scores[:, 1], atol=1e-4)
        assert [bool(sample["acc"]) for sample in samples] == list(ours.scores.correct[rows])
        assert theirs["results"][f"local_{uid}"]["acc,none"] == pytest.approx(ours.paradigms[uid]["accuracy"])
    assert ours.ties == 1


@pytest.mark.integration
def test_eos_stands_in_front_where_there_is_no_bos(tmp_path: Path) -> None:
    from lm_eval.api.instance import Instance

    model = save_model(tmp_path / "model", "GPT2", make_tokenizer(bos=None))
    lm = harness(model)
    ours = score_minimal_pairs(load(model), write_pairs(tmp_path / "pairs"), dtype="fp32")
    requests = [
        Instance(request_type="loglikelihood", doc={}, arguments=("", " " + pair.good), idx=0) for pair in ours.pairs
    ]
    theirs = [score for score, _ in lm.loglikelihood(requests, disable_tqdm=True)]
    np.testing.assert_allclose(ours.scores.good, theirs, atol=1e-4)


@pytest.mark.integration
def test_a_tokenizer_that_adds_marks_of_its_own(tmp_path: Path) -> None:
    model = save_model(tmp_path / "model", "Llama", make_tokenizer(adds_marks=True))
    plain = save_model(tmp_path / "plain", "Llama")
    folder = write_pairs(tmp_path / "pairs")
    theirs = run_blimp_tasks(model, folder, tmp_path)
    ours = score_minimal_pairs(load(model), folder, dtype="fp32")
    scores = {uid: [r[0][0] for s in theirs["samples"][f"local_{uid}"] for r in s["resps"]] for uid in ours.paradigms}
    assert {uid: len(values) for uid, values in scores.items()} == {"agreement": 6, "anaphor": 4, "npi": 4}
    first = [pair.uid for pair in ours.pairs].index("npi")
    np.testing.assert_allclose(ours.scores.good[first], scores["npi"][0], atol=1e-4)
    np.testing.assert_array_equal(ours.scores.good, score_minimal_pairs(load(plain), folder, dtype="fp32").scores.good)


@pytest.mark.integration
def test_perplexity_of_short_documents_is_the_rolling_one(tmp_path: Path) -> None:
    """Within the context length, the harness's rolling log-likelihood is ours: every token after the first mark, no end."""
    from lm_eval.api.instance import Instance

    model = save_model(tmp_path / "model", "Llama")
    texts = ["The cat is sleeping on the mat.", "Once upon a time.\nA dog ran.", "Zoë saw 5 €."]
    requests = [Instance(request_type="loglikelihood_rolling", doc={}, arguments=(text,), idx=0) for text in texts]
    theirs = harness(model).loglikelihood_rolling(requests, disable_tqdm=True)
    for text, value in zip(texts, theirs, strict=True):
        result = perplexity(load(model), [text])
        assert result.nll == pytest.approx(-value, abs=1e-4)
    assert json.dumps(result.to_json())
