"""Multiple choice by continuation: every score equals a plain forward pass of its own, under each backend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluation_world import load, make_tokenizer, save_model
from suite_world import plain_scores

from babyllama.errors import EvaluationError, TokenizerError
from babyllama.evaluation.choices import Choice, Option, score_choices
from babyllama.evaluation.choices.scoring import _decide

pytestmark = pytest.mark.unit

ITEMS = [
    Choice(
        "boxes",
        tuple(Option.after("The box holds the cat. The box holds ", end) for end in ("the cat.", "the dogs.", "mats.")),
    ),
    Choice("boxes", tuple(Option.after("The dog sleeps, the cat sleeps. Who ", end) for end in ("sleeps?", "ran?"))),
    Choice(
        "context", (Option.after("The girl ran.", " She was there."), Option.after("The girl sat.", " She was there."))
    ),
    Choice("whole", (Option("The cats are sleeping."), Option("The cats is sleeping."), Option("The cats sleeps"))),
]


@pytest.mark.parametrize(
    ("family", "backend", "marks"),
    [
        ("Llama", "causal", False),
        ("GPT2", "causal", True),
        ("Bert", "mlm", True),
        ("Bert", "mntp", True),
        ("Llama", "mntp", True),
        ("GPT2", "mntp", False),
    ],
)
def test_every_option_has_the_score_of_a_plain_forward_pass(
    family: str, backend: str, marks: bool, tmp_path: Path
) -> None:
    loaded = load(save_model(tmp_path / "m", family, make_tokenizer(adds_marks=marks)))
    for reduction in ("sum", "mean"):
        found = score_choices(loaded, ITEMS, backend=backend, reduction=reduction)  # type: ignore[arg-type]
        for item, values, chosen in zip(ITEMS, found.values, found.chosen, strict=True):
            plain = [plain_scores(loaded, option.text, option.scored_from, backend) for option in item.options]
            expected = [sum(one) / (len(one) if reduction == "mean" else 1) for one in plain]
            np.testing.assert_allclose(values, expected, atol=1e-4)
            assert chosen == int(np.argmax(expected))
        assert not found.longer.any()


@pytest.mark.parametrize(("family", "backend"), [("Llama", "causal"), ("Bert", "mlm"), ("Llama", "mntp")])
def test_items_longer_than_the_context_are_counted_and_scored(family: str, backend: str, tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path / "m", family, make_tokenizer(adds_marks=True), context=16))
    long = "The cat that the dogs chased is sleeping on the mat. " * 4
    items = [Choice("long", (Option.after(long, "The cat ran."), Option.after(long, "The dog ran."))), ITEMS[1]]
    found = score_choices(loaded, items, backend=backend)  # type: ignore[arg-type]
    second = len(loaded.tokenizer(ITEMS[1].options[0].text)["input_ids"]) > 16
    assert found.longer.tolist() == [True, second]
    assert np.isfinite(np.concatenate(found.values)).all()
    if backend != "causal":  # the end of the text, behind the mark in front
        ids = loaded.tokenizer(items[0].options[0].text)["input_ids"]
        spans = loaded.tokenizer(items[0].options[0].text, return_offsets_mapping=True)["offset_mapping"]
        scored = sum(end > len(long) for _, end in spans)
        kept = [ids[0], *ids[-15:]]
        total = sum(_masked(loaded, kept, place, backend) for place in range(15 - scored, 15))
        assert found.values[0][0] == pytest.approx(total, abs=1e-4)


def _masked(loaded, ids: list[int], place: int, backend: str) -> float:  # type: ignore[no-untyped-def]
    import torch

    read = [*ids[:place], loaded.tokenizer.mask_token_id, *ids[place + 1 :]]
    options = {"attention_mask": torch.zeros(1, 1, len(ids), len(ids))} if backend == "mntp" else {}
    with torch.no_grad():
        logits = loaded.model(torch.tensor([read]), **options).logits[0, place - (backend == "mntp")]
    return float(torch.log_softmax(logits, -1)[ids[place]])


def test_a_completion_that_no_context_holds_ends_in_one_line(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path / "m", "Bert", make_tokenizer(adds_marks=True), context=16))
    items = [Choice("long", (Option("The cat that the dogs chased is sleeping on the mat. " * 3), Option("A cat.")))]
    with pytest.raises(EvaluationError, match="does not fit into the model's context of 16"):
        score_choices(loaded, items)


def test_ties_go_to_the_first_in_2025_and_are_drawn_in_2026() -> None:
    items = [Choice("a", (Option("x"), Option("y")), label) for label in (0, 1)] * 40
    equal = [np.array([-1.0, -1.0])] * len(items)
    first = _decide(items, equal, "first", 42, np.zeros(len(items), dtype=bool), "causal")
    assert first.ties.all()
    assert (first.chosen == 0).all()
    assert first.correct.mean() == 0.5
    drawn = _decide(items, equal, "random", 42, np.zeros(len(items), dtype=bool), "causal")
    assert 10 < drawn.chosen.sum() < 70
    assert (drawn.credit == 0.5).all()
    assert (
        drawn.chosen == _decide(items, equal, "random", 42, np.zeros(len(items), dtype=bool), "causal").chosen
    ).all(), "the seed decides"


def test_a_score_that_is_no_number_is_wrong_in_2025_and_lowest_in_2026() -> None:
    items = [Choice("a", (Option("x"), Option("y"))), Choice("a", (Option("x"), Option("y")))]
    values = [np.array([np.nan, -1.0]), np.array([-1.0, np.nan])]
    assert _decide(items, values, "first", 42, np.zeros(len(items), dtype=bool), "causal").correct.tolist() == [
        False,
        False,
    ]
    assert _decide(items, values, "random", 42, np.zeros(len(items), dtype=bool), "causal").correct.tolist() == [
        False,
        True,
    ]


def test_a_tokenizer_without_offsets_ends_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(save_model(tmp_path / "m"))
    monkeypatch.setattr(type(loaded.tokenizer), "is_fast", False)
    with pytest.raises(TokenizerError, match="a slow tokenizer, without offsets"):
        score_choices(loaded, ITEMS)


def test_a_backend_that_a_model_does_not_have_is_refused(tmp_path: Path) -> None:
    causal, masked = load(save_model(tmp_path / "m")), load(save_model(tmp_path / "b", "Bert"))
    with pytest.raises(EvaluationError, match="--backend mlm: m is a causal model"):
        score_choices(causal, ITEMS, backend="mlm")
    with pytest.raises(EvaluationError, match="--backend causal: b is a masked language model"):
        score_choices(masked, ITEMS, backend="causal")
