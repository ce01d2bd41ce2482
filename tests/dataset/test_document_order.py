"""Documents in a new order each epoch: the same text, cut elsewhere, without writing it anew."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_dataset import DOCUMENTS, World, tokenizer_path  # noqa: F401

from babyllama.dataset import PackedDataset
from babyllama.dataset.document_order import DocumentOrder
from babyllama.errors import ConfigError
from babyllama.settings import load_config

pytestmark = pytest.mark.unit


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=20), seed=st.integers(0, 99), data=st.data())
@settings(max_examples=200)
def test_stretches_are_those_of_the_documents_written_out_in_that_order(sizes: list[int], seed: int, data) -> None:
    keys = np.random.default_rng(seed).permutation(len(sizes))
    starts = np.cumsum([0, *sizes[:-1]])
    permuted = np.concatenate([np.arange(starts[i], starts[i] + sizes[i]) for i in np.argsort(keys)])
    start = data.draw(st.integers(0, sum(sizes) - 1))
    stop = data.draw(st.integers(start + 1, sum(sizes)))
    found = DocumentOrder(starts, sum(sizes), keys).stored(start, stop)
    assert np.concatenate([np.arange(*span) for span in found]).tolist() == permuted[start:stop].tolist()


@pytest.fixture
def world(tmp_path: Path, tokenizer_path: str) -> World:  # noqa: F811
    return World(tmp_path, tokenizer_path, DOCUMENTS)


def stream(dataset: PackedDataset, epoch: int, offset: int = 0) -> list[int]:
    """The targets of an epoch's blocks, one after another."""
    documents = dataset.epoch_documents(epoch, 1)
    labels = np.concatenate([dataset.block(i, offset, documents)["labels"] for i in range(len(dataset))])
    return [int(label) for label in labels if label >= 0]


def documents_of(tokens: list[int]) -> list[tuple[int, ...]]:
    ends = [place + 1 for place, token in enumerate(tokens) if token == 2]
    return [tuple(tokens[low:high]) for low, high in zip([0, *ends], ends, strict=False)]


def test_an_epoch_holds_every_document_once_and_whole_in_another_order(world: World) -> None:
    dataset = world.dataset(shuffle="documents")
    written = documents_of(stream(world.dataset(), 0))
    orders = [documents_of(stream(dataset, epoch)) for epoch in range(4)]
    assert all(sorted(order) == sorted(written) for order in orders)
    assert len({tuple(order) for order in (*orders, written)}) > 3
    assert stream(dataset, 2) == stream(PackedDataset(dataset.path, shuffle_documents=True), 2)


def test_positions_and_words_follow_the_documents(world: World) -> None:
    dataset = world.dataset(shuffle="documents")
    for epoch in range(3):
        blocks = [dataset.block(i, 0, dataset.epoch_documents(epoch, 1)) for i in range(len(dataset))]
        assert sum(block["words"] for block in blocks) == dataset.num_words
        for block in blocks:
            starts = np.flatnonzero(block["input_ids"] == 1)
            assert not block["position_ids"][starts].any()
            inside = np.setdiff1d(np.arange(1, np.count_nonzero(block["labels"] >= 0)), starts)
            assert (block["position_ids"][inside] == block["position_ids"][inside - 1] + 1).all()


def test_with_an_offset_the_new_order_is_read_as_a_ring(world: World) -> None:
    dataset = world.dataset(shuffle="documents", random_offset=True)
    plain, shifted = stream(dataset, 1), stream(dataset, 1, offset=3)
    assert shifted == plain[3:] + plain[:3]


def test_the_order_of_the_text_stays_without_it(world: World) -> None:
    dataset = world.dataset()
    assert {dataset.epoch_documents(epoch, 1) for epoch in range(9)} == {0}


def test_a_worker_process_makes_the_order_itself(world: World) -> None:
    dataset = world.dataset(shuffle="documents")
    expected = stream(dataset, 1)
    copied = pickle.dumps(dataset)
    assert stream(pickle.loads(copied), 1) == expected
    assert len(copied) < 5000


def test_other_packings_place_documents_themselves(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("extends: minimal.yaml\ndata: {shuffle: documents, packing: best_fit}\n")
    with pytest.raises(ConfigError, match=r"data\.shuffle"):
        load_config(tmp_path / "c.yaml")
