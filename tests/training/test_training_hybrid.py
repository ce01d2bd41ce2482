"""Masked rows beside causal ones: what they see, what they predict, how it is counted, that nothing of it depends on chance."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from training_world import (
    FAMILY_NAMES,
    LENGTH,
    VOCABULARY,
    TinyBlocks,
    tiny_config,
    tiny_model,
    tiny_run,
    tiny_tokenizer,
)

from babyllama.architectures import family
from babyllama.artifacts import read_json
from babyllama.errors import ConfigError, TokenizerError
from babyllama.runs.rows import read_numbers
from babyllama.training import check_training
from babyllama.training.data.batch_plan import BatchPlan
from babyllama.training.data.batches import EpochBatches, TrainingBlocks
from babyllama.training.data.blocks import BlockKey
from babyllama.training.network import Network, training_network
from babyllama.training.objectives.causal import Causal, CausalCollator
from babyllama.training.objectives.cross_entropy import LossOptions
from babyllama.training.objectives.hybrid import CAUSAL_TARGETS, MASKED_TARGETS, Hybrid, HybridCollator, Masked, Ramp
from babyllama.training.probing import reads_both_ways

pytestmark = pytest.mark.unit

IGNORED, MASK = -100, VOCABULARY - 1
BLOCKS = 40


def objective(name: str = "hybrid", *, steps: int = 10, tokenizer: Any = None, **keys: Any) -> Hybrid:
    """An objective that has begun a run of `steps` steps of 8 blocks, 5 of which make an epoch."""
    config = tiny_config(Path(), training={"objective": name}, objective=keys)
    made = (Masked if name == "masked" else Hybrid).build(config, tokenizer or tiny_tokenizer())
    made.begin(BatchPlan(BLOCKS, LENGTH, 4, 2), steps)
    return made


def rows(blocks: Any, *keys: BlockKey) -> list[dict[str, Any]]:
    return [TrainingBlocks(blocks)[key] for key in keys]


def epoch_keys(epoch: int = 0, *, width: int = 4, rank: int = 0, devices: int = 1) -> list[list[BlockKey]]:
    sampler = EpochBatches(TinyBlocks(), BatchPlan(BLOCKS, LENGTH, width, 1, devices), seed=42, rank=rank)
    sampler.set_epoch(epoch)
    return list(sampler)


def test_of_any_stretch_of_rows_the_share_is_masked() -> None:
    def masked(share: Ramp, rows_of_run: int = 400) -> list[bool]:
        collate = HybridCollator(CausalCollator(), objective().masking, share, rows_of_run // 4, 4.0)
        return [collate.is_masked(*divmod(number, rows_of_run // 4)) for number in range(rows_of_run)]

    for share in (0.1, 0.2, 0.5, 0.7, 1.0):
        found = masked(Ramp(share, share))
        assert sum(found) == round(400 * share)
        for start in range(0, 390, 37):
            assert abs(sum(found[start : start + 100]) - len(found[start : start + 100]) * share) <= 1
    assert sum(masked(Ramp(0.0, 0.0))) == 0
    falling = masked(Ramp(0.8, 0.2))
    assert (sum(falling), sum(falling[:200]), sum(falling[200:])) == (200, 130, 70)


def test_what_is_hidden_and_what_stands_for_it() -> None:
    masking = objective(mask_rate=0.4, mask_rate_end=0.1, shortest_span=2, longest_span=2).masking
    ids = np.random.default_rng(0).integers(3, MASK, 40_000)
    hideable = np.arange(len(ids)) % 20 > 1
    replaced, hidden = masking.apply(ids, hideable, (0, 0), progress=0.0)
    assert hidden.sum() == round(0.4 * hideable.sum())
    assert not hidden[~hideable].any()
    changed = replaced != ids
    assert not changed[~hidden].any()
    assert (replaced[hidden] == MASK).mean() == pytest.approx(0.8, abs=0.01)
    random = hidden & changed & (replaced != MASK)
    assert random.sum() / hidden.sum() == pytest.approx(0.1, abs=0.01)
    assert set(replaced[random].tolist()) == set(range(3, MASK)), "every ordinary token stands in, no special one does"
    # Spans of two: hidden tokens have a hidden neighbour, but for a few that ran into something.
    alone = hidden & ~np.roll(hidden, 1) & ~np.roll(hidden, -1)
    assert alone.sum() < 0.2 * hidden.sum()
    for progress, rate in ((0.5, 0.25), (1.0, 0.1)):
        assert masking.apply(ids, hideable, (0, 0), progress)[1].sum() == round(rate * hideable.sum())


def test_a_hidden_token_is_predicted_one_place_earlier_and_special_tokens_never_are() -> None:
    made = objective("masked", mask_rate=0.6)
    blocks = TinyBlocks(BLOCKS)
    batch = made.collator(training=True)(rows(blocks, *(BlockKey(0, place, place, 0) for place in range(BLOCKS))))
    originals = CausalCollator()([blocks.block(place) for place in range(BLOCKS)])
    ids, labels = originals["input_ids"], batch["labels"]
    hidden = labels != IGNORED
    assert hidden.sum() > 100
    assert torch.equal(labels[hidden], ids[hidden]), "the target is the token that was there"
    assert (batch["input_ids"][hidden] == MASK).float().mean() > 0.7
    assert torch.equal(batch["input_ids"][~hidden], ids[~hidden])
    assert not set(labels[hidden].tolist()) & {0, 1, 2, MASK}
    positions = batch["position_ids"]
    assert not hidden[positions == 0].any(), "it has a token of its own document before it"
    assert batch["counts"] == {
        **originals["counts"], "targets": int(hidden.sum()), MASKED_TARGETS: int(hidden.sum()), CAUSAL_TARGETS: 0,
    }  # fmt: skip


def test_a_row_is_masked_alike_whoever_reads_it_and_when() -> None:
    collate = objective(masked_share=0.5).collator(training=True)
    blocks = TinyBlocks(offsets=True)

    def read(width: int, devices: int, epoch: int) -> dict[int, Any]:
        found = {}
        for rank in range(devices):
            for keys in epoch_keys(epoch, width=width, rank=rank, devices=devices):
                batch = collate(rows(blocks, *keys))
                for number, key in enumerate(keys):
                    if key.block >= 0:
                        found[key.place] = (batch["input_ids"][number].tolist(), batch["labels"][number].tolist())
        return found

    first = read(4, 1, 0)
    assert len(first) == BLOCKS
    # Two devices with micro-batches of three leave one of them without a block at the end.
    assert read(1, 1, 0) == read(3, 2, 0) == read(40, 1, 0) == first
    assert read(4, 1, 1) != first
    other = objective(masked_share=0.5, tokenizer=tiny_tokenizer())
    assert other.collator(training=True)(rows(blocks, *epoch_keys()[0]))["labels"].tolist() == [
        first[place][1] for place in range(4)
    ]


@pytest.mark.parametrize("name", FAMILY_NAMES)
@torch.no_grad()
def test_a_masked_row_sees_both_sides_and_no_other_document(name: str) -> None:
    """Every token of the row is changed in turn: exactly the logits of its own document change."""
    model = tiny_model(name, seed=1, initializer_range=0.3).eval()
    collate = objective(masked_share=0.5).collator(training=True)
    blocks = TinyBlocks(BLOCKS)
    # The last block is padded, which no token of the text may see either.
    keys = [BlockKey(0, 0, 3, 0), BlockKey(0, 1, BLOCKS - 1, 0)]
    assert [collate.is_masked(key.epoch, key.place) for key in keys] == [False, True]
    batch = collate(rows(blocks, *keys))
    batch.pop("counts"), batch.pop("labels")
    with family(name).training(model):
        network = Network(model)
        before = network.hidden(batch)
        for row, both_ways in ((0, False), (1, True)):
            documents = batch["document_ids"][row]
            assert len(documents.unique()) > 2
            for place in range(LENGTH):
                changed = {**batch, "input_ids": batch["input_ids"].clone()}
                changed["input_ids"][row, place] = (changed["input_ids"][row, place] + 7) % VOCABULARY
                moved = (network.hidden(changed) - before).abs().amax(-1) > 1e-5
                seen = documents == documents[place]
                if not both_ways:
                    seen &= torch.arange(LENGTH) >= place
                assert torch.equal(moved[row], seen), (row, place)
                assert not moved[1 - row].any()


def test_sums_are_those_of_two_passes() -> None:
    """One forward pass over both kinds of rows gives the losses and gradients of each kind by itself."""
    made = objective(masked_share=0.5, masked_weight=0.25)
    batch = made.collator(training=True)(rows(TinyBlocks(), *epoch_keys()[0]))
    counts = batch.pop("counts")
    assert counts[CAUSAL_TARGETS] > 0 < counts[MASKED_TARGETS]
    model = tiny_model()
    for fused in (True, False):
        with training_network(model, made, fused=fused):
            sums = model(**batch)
            sums["objective"].backward()
        gradients = [parameter.grad.clone() for parameter in model.parameters()]
        model.zero_grad()
        parts = []
        for kind in (False, True):
            labels = torch.where((batch["bidirectional"] == kind)[:, None], batch["labels"], IGNORED)
            with training_network(model, Causal(LossOptions()), fused=False):
                parts.append(model(**{**batch, "labels": labels}))
        (parts[0]["objective"] + 0.25 * parts[1]["objective"]).backward()
        for ours, theirs in zip(gradients, model.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs.grad, rtol=1e-4, atol=1e-5)
        model.zero_grad()
        assert float(sums["causal_loss"]) == pytest.approx(float(parts[0]["cross_entropy"]), rel=1e-5)
        assert float(sums["masked_loss"]) == pytest.approx(float(parts[1]["cross_entropy"]), rel=1e-5)
        assert float(sums["cross_entropy"]) == pytest.approx(float(sums["causal_loss"] + sums["masked_loss"]), rel=1e-6)


@pytest.mark.parametrize("document_attention", [True, False])
def test_without_masked_rows_it_is_causal_training_bit_for_bit(tmp_path: Path, document_attention: bool) -> None:
    found = {}
    for name, keys in (("causal", None), ("hybrid", {"masked_share": 0.0})):
        _, paths = tiny_run(
            tmp_path / name,
            data={"document_attention": document_attention},
            training={"objective": name, "max_steps": 6},
            **({} if keys is None else {"objective": keys}),
        )
        losses = [(row["train_loss"], row["eval_loss"]) for row in read_numbers(paths.losses)]
        found[name] = losses, (paths.final / "model.safetensors").read_bytes()
    assert found["hybrid"] == found["causal"]
    assert {row["masked_loss"] for row in read_numbers(paths.losses)} == {None}


def test_accumulation_changes_neither_losses_nor_weights(tmp_path: Path) -> None:
    """A step averages over all targets it has, however they lie in micro-batches: 8 x 1, 4 x 2, 1 x 8."""
    found = []
    for size, steps in ((8, 1), (4, 2), (1, 8)):
        _, paths = tiny_run(
            tmp_path / str(size),
            training={"objective": "hybrid", "batch_size": size, "gradient_accumulation_steps": steps, "max_steps": 5},
            objective={"masked_share": 0.4},
        )
        found.append((read_numbers(paths.losses), load_file(paths.final / "model.safetensors")))
    (rows_of_one, weights_of_one), *others = found
    assert all(row["causal_loss"] and row["masked_loss"] for row in rows_of_one)
    for row in rows_of_one:
        # The mean over all targets lies between the means over each kind.
        low, high = sorted((row["causal_loss"] or 0, row["masked_loss"] or 0))
        assert low <= (row["train_loss"] or 0) <= high
    for table, weights in others:
        for ours, theirs in zip(table, rows_of_one, strict=True):
            for column in ("train_loss", "causal_loss", "masked_loss", "tokens_seen"):
                assert ours[column] == pytest.approx(theirs[column], rel=2e-5), column
        for key, tensor in weights.items():
            torch.testing.assert_close(tensor, weights_of_one[key], rtol=1e-3, atol=1e-4)


class CopyBlocks(TinyBlocks):
    """Documents `<s> x x </s>` with a random x: the first x follows from nothing before it, and from the second one."""

    def __init__(self, blocks: int) -> None:
        super().__init__(blocks, ragged=False)
        x = 3 + np.random.default_rng(1).integers(0, 16, blocks * LENGTH // 4)
        self.tokens = np.stack([np.ones_like(x), x, x, np.full_like(x, 2)], 1).flatten()


@pytest.mark.slow
def test_only_a_row_read_in_both_directions_solves_the_copy_task(tmp_path: Path) -> None:
    from babyllama.runs import RunPaths, RunRecord
    from babyllama.training import train

    config = tiny_config(
        tmp_path,
        training={"objective": "hybrid", "batch_size": 32, "gradient_accumulation_steps": 1, "max_steps": 160, "lr": 1e-2, "logging_steps": 40},
        # One token of a row, so that the other x of its document is there to see.
        objective={"masked_share": 0.5, "mask_rate": 0.125, "mask_rate_end": None, "longest_span": 1, "mask_token_share": 1.0, "random_token_share": 0.0},
    )  # fmt: skip
    paths = RunPaths(tmp_path / "tiny")
    train(
        config,
        model=tiny_model(),
        tokenizer=tiny_tokenizer(),
        train_dataset=CopyBlocks(1024),
        eval_dataset=None,
        paths=paths,
        record=RunRecord.new("tiny"),
    )
    last = read_numbers(paths.losses)[-1]
    assert (last["masked_loss"] or 9) < 0.2
    # Of the 15 targets of a causal row four are a first x, of which nobody knows more than that it is one of 16.
    assert (last["causal_loss"] or 0) > 0.95 * 4 / 15 * math.log(16)


def test_the_held_out_loss_is_causal_and_the_saved_model_too(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    result, paths = tiny_run(tmp_path, training={"objective": "masked", "max_steps": 4})
    assert "is_causal" not in read_json(paths.final / "config.json")
    model = AutoModelForCausalLM.from_pretrained(paths.final).eval()
    held_out = TinyBlocks(6, seed=1)
    batch = CausalCollator()([held_out.block(index) for index in range(6)])
    targets = batch.pop("counts")["targets"]
    with training_network(model, Causal(LossOptions())), torch.no_grad():
        assert float(model(**batch)["cross_entropy"]) / targets == pytest.approx(result.eval_loss, rel=1e-5)
    ids = torch.arange(3, 11)[None]
    with torch.no_grad():
        before, after = model(ids).logits, model(ids.index_fill(1, torch.tensor([7]), 40)).logits
    assert torch.equal(before[:, :7], after[:, :7])


def test_families_are_tried_out_before_anything_is_written() -> None:
    for name in FAMILY_NAMES:
        model = tiny_model(name)
        with family(name).training(model):
            assert reads_both_ways(model), name
    mamba = {"type": "hf", "architecture": "MambaForCausalLM", "n_head": None}
    keys = {"n_head": None, "max_position_embeddings": None, "intermediate_size": None}
    model = tiny_model("hf", architecture="MambaForCausalLM", **keys)
    config = tiny_config(Path(), model=mamba, training={"objective": "hybrid"}, data={"packing": "separate"})
    with pytest.raises(
        ConfigError, match="objective = hybrid: MambaForCausalLM does not read a row in both directions"
    ):
        check_training(config, resume=None, train_dataset=TinyBlocks(), eval_dataset=None, model=model)


def test_a_tokenizer_without_mask_token_is_refused() -> None:
    with pytest.raises(TokenizerError, match=r"hides tokens behind <mask>, and the tokenizer at .* has none"):
        objective(tokenizer=tiny_tokenizer(mask=False))
