"""Token scoring against the plain way: one sentence at a time, the model's own logits, torch's log-softmax."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from evaluation_world import FAMILY_NAMES, PAIRS, TEXT, load, make_tokenizer, save_model

from babyllama.evaluation.scoring.causal import CausalScorer
from babyllama.evaluation.scoring.sequences import Encoded, encode_plain, windows
from babyllama.evaluation.scoring.trees import batches, pack_single, pack_trees


def plain_log_probs(model: Any, ids: tuple[int, ...]) -> np.ndarray:
    """log p(ids[t] | ids[:t]) for t >= 1, in float64, one sequence in one forward pass without padding."""
    import torch

    with torch.no_grad():
        logits = model.double()(torch.tensor([ids[:-1]])).logits[0]
    values = torch.log_softmax(logits, dim=-1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0].numpy()
    model.float()
    return values


def sentences() -> list[Encoded]:
    tokenizer = make_tokenizer()
    texts = [s for _, good, bad in PAIRS for s in (good, bad)] + TEXT + ["The", "A cat."]
    return [Encoded((1, *ids), range(1, len(ids) + 1)) for ids in encode_plain(tokenizer, texts)]


@pytest.mark.unit
@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_scores_equal_the_plain_way(tmp_path: Any, family: str) -> None:
    loaded = load(save_model(tmp_path, family))
    scorer = CausalScorer(loaded, row_tokens=40, batch_tokens=160)
    encoded = sentences()
    found = scorer.score(encoded)
    assert (scorer.use_trees, scorer.use_head) == (True, True), "the fast ways must work for the families we build"
    for sequence, values in zip(encoded, found, strict=True):
        np.testing.assert_allclose(values, plain_log_probs(loaded.model, sequence.ids), atol=2e-5)


@pytest.mark.unit
@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize(("trees", "head"), [(False, False), (False, True), (True, False)])
def test_slower_ways_agree(tmp_path: Any, family: str, trees: bool, head: bool) -> None:
    loaded = load(save_model(tmp_path, family))
    scorer = CausalScorer(loaded, batch_tokens=64)
    scorer.use_trees, scorer.use_head = trees, head
    encoded = sentences()
    for sequence, values in zip(encoded, scorer.score(encoded), strict=True):
        np.testing.assert_allclose(values, plain_log_probs(loaded.model, sequence.ids), atol=2e-5)


@pytest.mark.unit
def test_ways_that_disagree_are_not_used(tmp_path: Any) -> None:
    """A model that scales its logits after the output layer must not be scored without that scaling."""
    loaded = load(save_model(tmp_path))
    original = loaded.model.forward

    def scaled(*args: Any, **options: Any) -> Any:
        output = original(*args, **options)
        output.logits = output.logits * 0.5
        return output

    loaded.model.forward = scaled
    scorer = CausalScorer(loaded)
    encoded = sentences()[:6]
    found = scorer.score(encoded)
    assert scorer.use_head is False
    import torch

    ids = encoded[0].ids
    with torch.no_grad():
        logits = original(torch.tensor([ids])).logits[0] * 0.5
    expected = torch.log_softmax(logits[:-1], -1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0].numpy()
    np.testing.assert_allclose(found[0], expected, atol=2e-5)


@pytest.mark.unit
def test_models_that_ignore_the_tree_mask_are_read_plainly(tmp_path: Any) -> None:
    """A body that takes no position ids cannot read trees; scores stay right."""
    loaded = load(save_model(tmp_path))
    body = loaded.model.base_model
    original = body.forward

    def deaf(*args: Any, position_ids: Any = None, attention_mask: Any = None, **options: Any) -> Any:
        return original(*args, **options)

    body.forward = deaf
    scorer = CausalScorer(loaded)
    encoded = sentences()
    found = scorer.score(encoded)
    assert scorer.use_trees is False
    body.forward = original
    for sequence, values in zip(encoded, found, strict=True):
        np.testing.assert_allclose(values, plain_log_probs(loaded.model, sequence.ids), atol=2e-5)


@pytest.mark.unit
def test_repeated_sequences_are_read_once_and_score_the_same(tmp_path: Any) -> None:
    loaded = load(save_model(tmp_path))
    read: list[int] = []
    original = loaded.model.base_model.forward

    def counted(input_ids: Any, **options: Any) -> Any:
        read.append(int(input_ids.numel()))
        return original(input_ids, **options)

    scorer = CausalScorer(loaded, row_tokens=64)
    once = sentences()[:2]
    scorer.score(once)  # chooses the way
    loaded.model.base_model.forward = counted
    scorer.score(once)
    single = sum(read)
    read.clear()
    found = scorer.score(once * 5)
    assert sum(read) == single
    for first, later in zip(found[:2] * 4, found[2:], strict=True):
        np.testing.assert_array_equal(first, later)


@pytest.mark.unit
def test_some_targets_only(tmp_path: Any) -> None:
    loaded = load(save_model(tmp_path))
    ids = sentences()[0].ids
    found = CausalScorer(loaded).score([Encoded(ids, [2, 5]), Encoded(ids, []), Encoded(ids[:1], range(1, 1))])
    np.testing.assert_allclose(found[0], plain_log_probs(loaded.model, ids)[[1, 4]], atol=2e-5)
    assert len(found[1]) == len(found[2]) == 0


@pytest.mark.unit
@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_sequences_longer_than_the_context(tmp_path: Any, family: str) -> None:
    """Windows move on by half the context; each target is scored once, after at least half a context."""
    context = 16
    loaded = load(save_model(tmp_path, family, context=context))
    ids = tuple(random.Random(0).choices(range(4, 330), k=53))
    (found,) = CausalScorer(loaded).score([Encoded(ids, range(1, len(ids)))])
    expected = np.zeros(len(ids) - 1)
    for target in range(1, len(ids)):
        # The window that scores `target` begins at the smallest multiple of 8 whose 16 tokens reach the token before it.
        begin = 0 if target <= context else -(-(target - context) // 8) * 8
        expected[target - 1] = plain_log_probs(loaded.model, ids[begin : target + 1])[-1]
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("length", "context", "stride"), [(5, 8, None), (8, 8, None), (9, 8, None), (100, 8, 3), (64, 16, 16)]
)
def test_windows_cover_every_target_once(length: int, context: int, stride: int | None) -> None:
    targets = range(1, length + 1)
    seen: list[int] = []
    for part, begin, end in windows(length, targets, context, stride):
        assert 0 < end - begin <= context
        for target in targets[part]:
            assert begin < target <= end
            assert begin == 0 or target - begin >= context - (stride or context // 2)
        seen += targets[part]
    assert seen == list(targets)


@pytest.mark.unit
def test_tree_rows_hold_each_sequence_and_its_ancestors() -> None:
    draw = random.Random(1)
    sequences = sorted(
        {tuple(draw.choices(range(3), k=draw.randint(1, 7))) for _ in range(80)}, key=lambda _: draw.random()
    )
    rows = pack_trees(sequences, capacity=20)
    found: dict[int, tuple[int, ...]] = {}
    for row in rows:
        assert len(row.ids) <= 20
        assert row.linear == all(end == len(row.ids) - 1 for end in row.last)
        for number, path in row.members:
            found[number] = tuple(row.ids[i] for i in path)
            assert [row.depths[i] for i in path] == list(range(len(path)))
            for i in path:
                ancestors = [j for j in range(i + 1) if i <= row.last[j]]
                assert ancestors == [j for j in path if j <= i], "a token sees its own sequence's tokens and no others"
    assert found == dict(enumerate(sequences))
    assert sum(len(row.ids) for row in rows) < 0.6 * sum(map(len, sequences)), "shared prefixes are held once"


@pytest.mark.unit
def test_a_long_beginning_with_several_ends_is_read_once() -> None:
    beginnings = [tuple(range(100, 115)), tuple(range(200, 215))]
    sequences = [(*beginning, end, end + 1) for beginning in beginnings for end in range(5)]
    rows = pack_trees(sequences, capacity=20)
    assert sorted(len(row.ids) for row in rows) == [25, 25], "over the capacity, and each beginning once"
    many = [(*beginnings[0], end, end + 1) for end in range(80)]
    assert max(len(row.ids) for row in pack_trees(many, capacity=20)) <= 80, "up to four times"


@pytest.mark.unit
def test_batches_keep_the_token_budget() -> None:
    sequences = [tuple(range(n)) for n in (9, 7, 7, 3, 2, 1)]
    groups = batches(pack_single(sequences), 16)
    assert [[len(row.ids) for row in group] for group in groups] == [[9], [7, 7], [3, 2, 1]]
    assert [len(row.ids) for row in batches(pack_single([tuple(range(50))]), 16)[0]] == [50]


@pytest.mark.unit
def test_sliding_windows_are_kept(tmp_path: Any) -> None:
    """A tree's own mask would overrule the model's window: sequences that reach it are read plainly."""
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=330,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        sliding_window=6,
        initializer_range=0.25,
    )
    MistralForCausalLM(config).save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    loaded = load(tmp_path)
    encoded = sentences()
    scorer = CausalScorer(loaded)
    short = [sequence for sequence in encoded if len(sequence.inputs) <= 6]
    for chosen, trees in ((short, True), (encoded, False)):
        for sequence, values in zip(chosen, scorer.score(chosen), strict=True):
            np.testing.assert_allclose(values, plain_log_probs(loaded.model, sequence.ids), atol=2e-5)
        assert scorer.trees_now is trees


@pytest.mark.unit
def test_masked_head_is_applied_to_the_masked_positions_only(tmp_path: Any) -> None:
    from babyllama.evaluation.scoring.masked import MaskedScorer, encode_masked

    loaded = load(save_model(tmp_path, "Bert"))
    encoded = encode_masked(loaded.tokenizer, [good for _, good, _ in PAIRS])
    scorer = MaskedScorer(loaded, batch_tokens=90)
    assert scorer.head is not None
    found = scorer.score(encoded)
    scorer.head = None
    for first, second in zip(found, scorer.score(encoded), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


@pytest.mark.unit
@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize("broken_padding", [False, True])
def test_a_broken_sentence_spoils_no_other(tmp_path: Any, family: str, broken_padding: bool) -> None:
    """One token whose embedding is NaN, or the padding's: sentences without it keep their scores."""
    import torch

    loaded = load(save_model(tmp_path, family))
    encoded = sentences()
    whole = CausalScorer(loaded, row_tokens=64).score(encoded)
    token = 0 if broken_padding else encoded[0].ids[len(encoded[0].ids) // 2]
    with torch.no_grad():
        rows = torch.full_like(loaded.model.get_input_embeddings().weight[token], float("nan"))
        weight = loaded.model.get_input_embeddings().weight.clone()
        weight[token] = rows
        loaded.model.get_input_embeddings().weight = torch.nn.Parameter(weight)  # the output layer keeps the old ones
    found = CausalScorer(loaded, row_tokens=64).score(encoded)
    hit = [token in sequence.inputs for sequence in encoded]
    assert any(hit) != broken_padding
    assert not all(hit)
    assert [bool(np.isnan(values).any()) for values in found] == hit
    for before, after, broken in zip(whole, found, hit, strict=True):
        if not broken:
            np.testing.assert_allclose(after, before, atol=2e-5)


@pytest.mark.unit
def test_broken_padding_spoils_no_masked_sentence(tmp_path: Any) -> None:
    import torch

    from babyllama.evaluation.scoring.masked import MaskedScorer, encode_masked

    loaded = load(save_model(tmp_path, "Bert"))
    encoded = encode_masked(loaded.tokenizer, [good for _, good, _ in PAIRS])
    whole = MaskedScorer(loaded).score(encoded)
    weight = loaded.model.get_input_embeddings().weight.clone()
    weight[0] = float("nan")
    loaded.model.get_input_embeddings().weight = torch.nn.Parameter(weight)
    for before, after in zip(whole, MaskedScorer(loaded).score(encoded), strict=True):
        np.testing.assert_allclose(after, before, atol=2e-5)
