"""Each protocol against an independent, naive rendering of what its source does, on tiny models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_world import PAIRS, load, make_tokenizer, save_model, write_pairs

from babyllama.errors import EvaluationError, TokenizerError
from babyllama.evaluation import PROTOCOLS, score_minimal_pairs


def token_log_probs(model: Any, ids: list[int]) -> list[float]:
    """log p(ids[t] | ids[:t]) for t >= 1."""
    import torch

    with torch.no_grad():
        table = torch.log_softmax(model(torch.tensor([ids])).logits[0], dim=-1)
    return [float(table[t - 1, ids[t]]) for t in range(1, len(ids))]


def lm_eval(loaded: Any, sentence: str) -> float:
    tokenizer = loaded.tokenizer
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    ids = tokenizer(" " + sentence, add_special_tokens=False)["input_ids"]
    return sum(token_log_probs(loaded.model, [first, *ids]))


def babylm_2024(loaded: Any, sentence: str) -> float:
    tokenizer = loaded.tokenizer
    marks = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    first = next(mark for mark in marks if mark is not None)
    return sum(
        token_log_probs(loaded.model, [first, *tokenizer(" " + sentence, add_special_tokens=False)["input_ids"]])
    )


def babylm_2025(loaded: Any, sentence: str) -> float:
    encoded = loaded.tokenizer(sentence, return_offsets_mapping=True)
    offsets = encoded["offset_mapping"]
    wanted = [end > offsets[0][0] for _, end in offsets][1:]
    scores = token_log_probs(loaded.model, encoded["input_ids"])
    return sum(score for score, counts in zip(scores, wanted, strict=True) if counts)


def minicons(loaded: Any, sentence: str) -> float:
    return float(np.mean(token_log_probs(loaded.model, loaded.tokenizer(sentence)["input_ids"])))


NAIVE = {
    "lm-eval": lm_eval,
    "babylm-2024": babylm_2024,
    "babylm-2025": babylm_2025,
    "babylm-2026": babylm_2025,
    "minicons": minicons,
}


@pytest.mark.unit
def test_every_protocol_is_checked_here() -> None:
    assert set(NAIVE) == set(PROTOCOLS)
    assert all(protocol.source and protocol.name == name for name, protocol in PROTOCOLS.items())


@pytest.mark.unit
@pytest.mark.parametrize("protocol", sorted(NAIVE))
@pytest.mark.parametrize("adds_marks", [False, True])
def test_scores(tmp_path: Path, protocol: str, adds_marks: bool) -> None:
    loaded = load(save_model(tmp_path / "model", "GPT2", make_tokenizer(adds_marks=adds_marks)))
    found = score_minimal_pairs(loaded, write_pairs(tmp_path / "pairs"), protocol=protocol, dtype="fp32")
    assert len(found.pairs) == len(PAIRS)
    for index, pair in enumerate(found.pairs):
        assert found.scores.good[index] == pytest.approx(NAIVE[protocol](loaded, pair.good), abs=1e-4)
        assert found.scores.bad[index] == pytest.approx(NAIVE[protocol](loaded, pair.bad), abs=1e-4)
        assert found.scores.correct[index] == (found.scores.good[index] >= found.scores.bad[index])


@pytest.mark.unit
@pytest.mark.parametrize(
    ("bos", "eos", "protocol", "first"),
    [("<s>", "</s>", "lm-eval", 1), (None, "</s>", "lm-eval", 2), (None, None, "babylm-2024", 0)],
)
def test_what_stands_in_front(bos: str | None, eos: str | None, protocol: str, first: int) -> None:
    (encoded,) = PROTOCOLS.get(protocol).encode(make_tokenizer(bos=bos, eos=eos), ["The cat"])
    assert encoded.ids[0] == first
    assert list(encoded.targets) == list(range(1, len(encoded.ids)))


@pytest.mark.unit
def test_lm_eval_does_not_double_a_mark_the_text_begins_with() -> None:
    """The harness encodes marks in the text as marks, and skips its own when one already stands first."""
    tokenizer = make_tokenizer()
    ids = PROTOCOLS.get("lm-eval").encode(tokenizer, ["<s> The cat"])[0].ids
    assert ids.count(1) == 1 + (tokenizer(" <s>", add_special_tokens=False)["input_ids"][0] != 1)


@pytest.mark.unit
def test_babylm_2025_scores_marks_never_and_the_first_word_only_after_a_mark() -> None:
    protocol = PROTOCOLS.get("babylm-2025")
    (plain,) = protocol.encode(make_tokenizer(), ["The cat"])
    (marked,) = protocol.encode(make_tokenizer(adds_marks=True), ["The cat"])
    assert marked.ids == (1, *plain.ids, 2)
    assert list(plain.targets) == list(range(1, len(plain.ids)))
    assert list(marked.targets) == list(range(1, len(marked.ids) - 1))


@pytest.mark.unit
def test_no_mark_to_put_in_front() -> None:
    with pytest.raises(TokenizerError, match=r"BOS or EOS.*neither.*--protocol babylm-2025"):
        PROTOCOLS.get("lm-eval").encode(make_tokenizer(bos=None, eos=None), ["The cat"])


@pytest.mark.unit
def test_unknown_protocol_is_answered_with_the_nearest() -> None:
    with pytest.raises(EvaluationError, match=r"did you mean 'babylm-2025'\? .*lm-eval, babylm-2024"):
        PROTOCOLS.get("babylm-25")


@pytest.mark.unit
def test_ties_go_to_the_good_sentence_or_are_drawn(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path / "model"))
    same = [("same", f"The cat is number {n}.", f"The cat is number {n}.") for n in range(40)]
    folder = write_pairs(tmp_path / "pairs", same)
    kind = score_minimal_pairs(loaded, folder, protocol="lm-eval")
    assert (kind.ties, kind.accuracy) == (40, 1.0)
    drawn = score_minimal_pairs(loaded, folder, protocol="babylm-2026", seed=1)
    assert drawn.ties == 40
    assert 0.2 < drawn.accuracy < 0.8
    assert drawn.half_credit_accuracy == 0.5
    assert drawn.to_json()["accuracy_with_ties_as_half"] == 0.5
    again = score_minimal_pairs(loaded, folder, protocol="babylm-2026", seed=1)
    other = score_minimal_pairs(loaded, folder, protocol="babylm-2026", seed=2)
    assert list(again.scores.correct) == list(drawn.scores.correct) != list(other.scores.correct)
    assert "accuracy_with_ties_as_half" not in kind.to_json()


@pytest.mark.unit
@pytest.mark.parametrize(("protocol", "accuracy"), [("lm-eval", 0.0), ("babylm-2025", 0.0), ("babylm-2026", None)])
def test_scores_that_are_not_numbers_are_counted(tmp_path: Path, protocol: str, accuracy: float | None) -> None:
    import torch

    loaded = load(save_model(tmp_path / "model"))
    torch.nn.init.constant_(loaded.model.model.norm.weight, float("nan"))
    found = score_minimal_pairs(loaded, write_pairs(tmp_path / "pairs"), protocol=protocol)
    assert found.nan == len(PAIRS)
    assert any("not a number" in line for line in found.notes())
    if accuracy is not None:
        assert (found.ties, found.accuracy) == (0, accuracy)
    else:
        assert found.ties == len(PAIRS), "minus infinity on both sides is a tie, which is drawn"
        assert found.half_credit_accuracy == 0.5
    rows = list(found.predictions())
    assert rows[0]["good_score"] is None, "JSON has no NaN"
