"""Packed datasets: no document lost, words exact, marks and boundaries where they belong, reused only when they fit."""

import contextlib
import io
import itertools
import pickle
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from babyllama.artifacts import Manifest, file_facts
from babyllama.artifacts.files import _temporary_prefix
from babyllama.cli import main
from babyllama.config.sections import DataSection, TokenizerSection
from babyllama.corpus.reading import corpus_files, read_documents
from babyllama.dataset import PackedDataset, packed_folder, prepare_dataset, sample_blocks
from babyllama.dataset.binpacking import fill_blocks
from babyllama.dataset.encoding import TokenBatch
from babyllama.dataset.writing import BestFitWriter
from babyllama.errors import DataError, TokenizerError
from babyllama.tokenizer import load_fast, save_tokenizer, tokenizer_fingerprint, train_tokenizer

pytestmark = pytest.mark.unit

DOCUMENTS = [
    "the cat sat",
    "",
    "on a  mat \n",
    "x",
    "one two three four five six seven eight nine ten",
    "é\u00a0naïve\x1cword <s> </s>",
    "!\x1c!",
    " lead",
]
SEPARATOR = "\n<|endoftext|>\n"


@pytest.fixture(scope="module")
def tokenizer_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tokenizer") / "t.json"
    save_tokenizer(train_tokenizer(DOCUMENTS * 5, TokenizerSection(vocab_size=320)), path)
    return str(path)


class World:
    """A corpus of one file, and its packed text."""

    def __init__(self, folder: Path, tokenizer_path: str, documents: list[str], **keys: Any) -> None:
        self.documents = [document for document in documents if document]
        self.file = folder / "a.train"
        self.file.write_text(SEPARATOR.join(documents), encoding="utf-8")
        self.tokenizer_path = tokenizer_path
        self.data = DataSection(
            tokenizer_path=tokenizer_path,
            train_path=str(self.file),
            eval_path=str(self.file),
            packed_dir=str(folder / "packed"),
            **{"seq_length": 8, **keys},
        )
        self.said: list[str] = []

    def prepare(self, split: Any = "train", **changed: Any) -> Path:
        return self.dataset(split, **changed).path

    def dataset(self, split: Any = "train", **changed: Any) -> PackedDataset:
        data = self.data.model_copy(update=changed)
        with contextlib.redirect_stderr(io.StringIO()) as said:
            made = prepare_dataset(lambda: iter(self.documents), [self.file], data.tokenizer_path, data, split=split)
        self.said += said.getvalue().splitlines()
        return made


@pytest.fixture
def world(tmp_path: Path, tokenizer_path: str) -> World:
    return World(tmp_path, tokenizer_path, DOCUMENTS)


def decoded(dataset: PackedDataset, tokenizer: Tokenizer) -> Iterator[str]:
    for ids in dataset.document_ids():
        assert ids[0] == 1
        assert ids[-1] == 2
        yield tokenizer.decode(ids[1:-1], skip_special_tokens=False)


# ---------------------------------------------------------------------------------------------------------------------
# Content


def test_concat_is_the_marked_documents_one_after_another(world: World) -> None:
    dataset = world.dataset()
    tokenizer = load_fast(world.tokenizer_path)
    expected = [i for text in world.documents for i in (1, *tokenizer.encode(text).ids, 2)]
    blocks = [dataset.block(index) for index in range(len(dataset))]
    ids = np.concatenate([block["input_ids"] for block in blocks])
    labels = np.concatenate([block["labels"] for block in blocks])
    assert ids[: len(expected)].tolist() == labels[: len(expected)].tolist() == expected
    # The tail is kept: padded, and no target.
    assert len(dataset) == -(-len(expected) // 8)
    assert set(ids[len(expected) :]) <= {0}
    assert set(labels[len(expected) :]) <= {-100}
    assert dataset.tokens.dtype == np.uint16
    assert {block["input_ids"].dtype for block in blocks} == {np.dtype(np.int64)}
    assert dataset.token_counts.tolist() == np.bincount(expected, minlength=tokenizer.get_vocab_size()).tolist()


def test_positions_restart_at_every_document(world: World) -> None:
    dataset = world.dataset()
    for index in range(len(dataset)):
        block = dataset.block(index)
        position = 0
        for place, (token, label) in enumerate(zip(block["input_ids"], block["labels"], strict=True)):
            if label == -100:
                break
            position = 0 if token == 1 or place == 0 else position + 1
            assert block["position_ids"][place] == position


@pytest.mark.parametrize("packing", ["concat", "best_fit", "separate"])
def test_every_document_comes_back_and_every_word_is_counted_once(world: World, packing: str) -> None:
    dataset = world.dataset(packing=packing)
    assert list(decoded(dataset, load_fast(world.tokenizer_path))) == world.documents
    words = sum(len(document.split()) for document in world.documents)
    assert dataset.num_words == words
    assert sum(dataset.block(index)["words"] for index in range(len(dataset))) == words
    assert dataset.num_documents == len(world.documents)
    targets = sum(int((dataset.block(index)["labels"] >= 0).sum()) for index in range(len(dataset)))
    seen = sum(int((dataset.block(index)["position_ids"] >= 0).sum()) for index in range(len(dataset)))
    assert seen == len(dataset) * 8
    assert targets <= dataset.num_tokens
    assert packing == "best_fit" or targets == dataset.num_tokens


def test_separate_documents_never_share_a_block(world: World) -> None:
    dataset = world.dataset(packing="separate")
    lengths = [len(ids) for ids in dataset.document_ids()]
    assert max(lengths) > 8, "one document takes several blocks"
    assert len(dataset) == sum(-(-length // 8) for length in lengths)
    for index in range(len(dataset)):
        block = dataset.block(index)
        size = int((block["labels"] >= 0).sum())
        assert block["position_ids"][:size].tolist() == list(range(size)), "positions start once, at the beginning"
        assert (block["labels"][size:] == -100).all()


def test_a_word_counts_where_it_starts(tmp_path: Path, tokenizer_path: str) -> None:
    # With three tokens per word and blocks of four, each word's first token decides.
    text = "zq zq zq zq"
    world = World(tmp_path, tokenizer_path, [text], seq_length=4)
    tokens = load_fast(tokenizer_path).encode(text).tokens
    dataset = world.dataset()
    starts = [False, *(i == 0 or token.startswith("Ġ") for i, token in enumerate(tokens)), False]
    for index in range(len(dataset)):
        assert dataset.block(index)["words"] == sum(starts[index * 4 : index * 4 + 4])


@given(offset=st.integers(0, 7))
@settings(max_examples=8)
def test_an_offset_loses_no_token_and_no_word(offset: int, ring: tuple[PackedDataset, np.ndarray]) -> None:
    dataset, tokens = ring
    blocks = [dataset.block(index, offset) for index in range(len(dataset))]
    ids = np.concatenate([block["labels"] for block in blocks])
    assert ids[ids >= 0].tolist() == np.roll(tokens, -offset).tolist()
    assert sum(block["words"] for block in blocks) == dataset.num_words


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory, tokenizer_path: str) -> tuple[PackedDataset, np.ndarray]:
    dataset = World(tmp_path_factory.mktemp("ring"), tokenizer_path, DOCUMENTS).dataset()
    return dataset, np.asarray(dataset.tokens)


def test_best_fit_cuts_only_documents_longer_than_a_block(tmp_path: Path, tokenizer_path: str) -> None:
    generator = np.random.default_rng(0)
    documents = [" ".join(["x"] * int(size)) for size in generator.integers(1, 40, 200)]
    world = World(tmp_path, tokenizer_path, documents, seq_length=16, packing="best_fit")
    dataset = world.dataset()
    lengths = [len(ids) for ids in dataset.document_ids()]
    pieces = sum(-(-length // 16) for length in lengths)
    assert len(np.fromfile(dataset.path / "starts.bin", dtype="<i8")) == pieces
    assert len(dataset) <= 1.05 * sum(lengths) / 16
    for index in range(len(dataset)):
        block = dataset.block(index)
        restarts = np.flatnonzero(block["position_ids"] == 0)
        later = [place for place in restarts if place and block["input_ids"][place] not in (0, 1)]
        # A later part of a document does not follow from the end of another one.
        assert [place for place in np.flatnonzero(block["labels"] == -100) if block["input_ids"][place]] == later


def test_best_fit_keeps_documents_whole_across_windows_and_batches(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    documents = [np.r_[1, generator.integers(3, 99, int(size)), 2] for size in generator.integers(0, 60, 300)]
    stream = np.concatenate(documents)
    starts = np.cumsum([0, *map(len, documents[:-1])])
    for step, window, length in ((7, 20, 8), (64, 100, 8), (100, 1000, 32), (33, 16, 16), (8, 8, 8)):
        folder = tmp_path / f"{step}-{window}-{length}"
        folder.mkdir()
        with BestFitWriter(folder, 99, length, window) as writer:
            for begin in range(0, len(stream), step):
                end = min(begin + step, len(stream))
                inside = starts[(starts >= begin) & (starts < end)] - begin
                words = (stream[begin:end] % 3).astype(np.int64)
                writer.add(TokenBatch(stream[begin:end], words, inside, open=stream[end - 1] != 2))
            writer.close()
        facts = {
            "tokens": writer.tokens,
            "words": writer.words,
            "documents": writer.documents,
            "blocks": writer.blocks,
            "vocab_size": 99,
            "pad": 0,
        }
        settings = {"seq_length": length, "packing": "best_fit"}
        Manifest("dataset", {"tokenizer": ""}, settings, facts, files=file_facts(folder)).write(folder)
        dataset = PackedDataset(folder)
        for found, expected in itertools.zip_longest(dataset.document_ids(), documents):
            assert found.tolist() == expected.tolist()
        assert dataset.num_words == int((stream % 3).sum())
        assert sum(dataset.block(index)["words"] for index in range(len(dataset))) == dataset.num_words
        sizes = np.diff(np.fromfile(folder / "blocks.bin", dtype="<i8"))
        assert sizes.sum() == len(stream)
        assert sizes.max() <= length
        assert sizes.min() > 0


@given(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=60))
@settings(max_examples=200)
def test_blocks_are_filled_as_best_fit_decreasing_fills_them(sizes: list[int]) -> None:
    free: list[int] = []
    for size in sorted(sizes, reverse=True):
        fitting = [room for room in free if room >= size]
        if fitting:
            free[free.index(min(fitting))] -= size
        else:
            free.append(12 - size)
    order, blocks = fill_blocks(np.array(sizes), 12)
    assert sorted(order) == list(range(len(sizes)))
    assert sorted(blocks) == sorted(12 - room for room in free)
    filled = np.cumsum(np.array(sizes)[order])
    assert set(np.cumsum(blocks)) <= set(filled)


# ---------------------------------------------------------------------------------------------------------------------
# Order


def test_epoch_order_is_a_permutation_that_depends_on_epoch_and_seed(world: World) -> None:
    dataset = world.dataset(seq_length=2)
    orders = [tuple(dataset.epoch_order(epoch, seed)) for epoch in range(3) for seed in (1, 2)]
    assert all(sorted(order) == list(range(len(dataset))) for order in orders)
    assert len(set(orders)) == len(orders)
    assert tuple(dataset.epoch_order(2, 2)) == orders[-1]


def test_each_block_comes_first_equally_often(world: World) -> None:
    dataset = world.dataset()
    counts = Counter(int(dataset.epoch_order(epoch, 0)[0]) for epoch in range(400 * len(dataset)))
    expected = 400
    chi_squared = sum((counts[index] - expected) ** 2 / expected for index in range(len(dataset)))
    # Mean n-1, standard deviation sqrt(2(n-1)).
    assert chi_squared < len(dataset) + 5 * (2 * len(dataset)) ** 0.5


def test_offsets_vary_by_epoch_only_when_asked_for(world: World) -> None:
    folder = world.prepare()
    still, moving = PackedDataset(folder), PackedDataset(folder, random_offset=True)
    assert {still.epoch_offset(epoch, 1) for epoch in range(50)} == {0}
    assert {moving.epoch_offset(epoch, 1) for epoch in range(200)} == set(range(8))
    assert moving.epoch_offset(3, 1) == PackedDataset(folder, random_offset=True).epoch_offset(3, 1)
    assert world.dataset(packing="best_fit", random_offset=True).epoch_offset(1, 1) == 0


def test_sample_is_drawn_with_the_seed(world: World) -> None:
    dataset = world.dataset(seq_length=2)
    sample = sample_blocks(dataset, 5, seed=1)
    assert len(set(sample.tolist())) == 5
    assert sorted(sample) == sample.tolist() == sample_blocks(dataset, 5, seed=1).tolist()
    assert any(sample_blocks(dataset, 5, seed=seed).tolist() != sample.tolist() for seed in range(2, 5))
    assert sample_blocks(dataset, None, 1).tolist() == sample_blocks(dataset, 10**9, 1).tolist()


def test_a_pickled_dataset_maps_the_files_again(world: World) -> None:
    dataset = world.dataset()
    expected = dataset.block(1)["input_ids"].tolist()
    pickled = pickle.dumps(dataset)
    assert len(pickled) < 3000
    assert pickle.loads(pickled).block(1)["input_ids"].tolist() == expected


def test_blocks_outside_the_dataset_are_refused(world: World) -> None:
    dataset = world.dataset()
    with pytest.raises(IndexError):
        dataset.block(len(dataset))


# ---------------------------------------------------------------------------------------------------------------------
# The stage


def test_a_dataset_is_reused_until_something_that_shapes_it_changes(world: World, tmp_path: Path) -> None:
    folder = world.prepare()
    stamp = (folder / "tokens.bin").stat().st_mtime_ns
    assert world.prepare() == folder
    assert "reused" in world.said[-1]
    assert (folder / "tokens.bin").stat().st_mtime_ns == stamp
    # What only reading depends on builds nothing new.
    assert world.prepare(random_offset=True, document_attention=False, eval_samples=3) == folder

    world.documents.append("new text")
    world.file.write_text(SEPARATOR.join(world.documents))
    world.prepare()
    assert any("made again (changed input: text)" in line for line in world.said)
    assert PackedDataset(folder).num_documents == len(world.documents)

    other = tmp_path / "other.json"
    save_tokenizer(train_tokenizer(["zzz"] * 5, TokenizerSection(vocab_size=259)), other)
    other_world = World(tmp_path, str(other), DOCUMENTS)
    folder = other_world.prepare()
    save_tokenizer(train_tokenizer(["yyyy yyy"] * 5, TokenizerSection(vocab_size=262)), other)
    assert other_world.prepare() == folder
    assert any("made again (changed input: tokenizer)" in line for line in other_world.said)
    assert PackedDataset(folder).tokenizer_fingerprint == tokenizer_fingerprint(other)


def test_settings_that_shape_blocks_have_folders_of_their_own(world: World) -> None:
    folders = {
        world.prepare(),
        world.prepare(seq_length=4),
        world.prepare(packing="best_fit"),
        world.prepare(split="eval"),
    }
    assert len(folders) == 4
    assert packed_folder(world.data, "train") in folders


FILES = ("tokens.bin", "words.bin", "starts.bin", "more_words.bin", "token_counts.npy")


@pytest.mark.parametrize("name", FILES)
def test_a_changed_shortened_or_missing_file_is_built_again(world: World, name: str) -> None:
    folder = world.prepare()
    whole = (folder / name).read_bytes()
    assert whole
    flipped = bytes([whole[0] ^ 1]) + whole[1:]
    damages = [(flipped, "the content of {} has changed"), (whole[:-1], "{} has "), (None, "{} is missing")]
    for content, reason in damages:
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content)
        with pytest.raises(DataError, match=f"is damaged: {reason.format(name)}"):
            PackedDataset(folder)
        world.prepare()
        assert any(f"made again ({reason.format(name)}" in line for line in world.said)
        assert (folder / name).read_bytes() == whole


def test_text_that_changes_while_it_is_packed_is_noticed(world: World) -> None:
    def changing() -> Iterator[str]:
        yield from world.documents
        world.file.write_text("other text", encoding="utf-8")

    with pytest.raises(DataError, match=r"the text changed while it was read \(.*a\.train\)"):
        prepare_dataset(changing, [world.file], world.tokenizer_path, world.data, split="train")
    assert not packed_folder(world.data, "train").exists()


def test_what_a_kill_left_over_is_cleared(world: World) -> None:
    folder = packed_folder(world.data, "train")
    # A process of this number cannot be running.
    leftover = folder.parent / f"{_temporary_prefix(folder, 99_999_999)}abc"
    leftover.mkdir(parents=True)
    world.prepare()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_failure_leaves_nothing_half_written(world: World) -> None:
    def failing() -> Iterator[str]:
        yield from world.documents
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        prepare_dataset(failing, [world.file], world.tokenizer_path, world.data, split="train")
    folder = packed_folder(world.data, "train")
    assert not folder.parent.exists()


def test_errors_give_the_numbers(world: World, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"data\.seq_length = 4,096 is larger than the corpus: .* words, which are \d+ tokens"
    ):
        world.prepare(seq_length=4096)
    assert len(PackedDataset(world.prepare(split="eval", seq_length=4096))) == 1
    world.documents = ["", ""]
    world.file.write_text("changed")
    for split in ("train", "eval"):
        with pytest.raises(DataError, match=rf"data\.{split}_path: .* holds no text"):
            world.prepare(split=split)
    with pytest.raises(DataError, match="holds no packed dataset"):
        PackedDataset(tmp_path)


def test_check_tells_a_wrong_tokenizer_and_a_small_model(world: World) -> None:
    dataset = world.dataset()
    dataset.check(tokenizer_fingerprint=tokenizer_fingerprint(world.tokenizer_path), model_vocab_size=400)
    with pytest.raises(TokenizerError, match="made with another tokenizer"):
        dataset.check(tokenizer_fingerprint="sha256:0")
    with pytest.raises(TokenizerError, match=r"\(300 rows\) is smaller than the tokenizer's \(318"):
        dataset.check(model_vocab_size=300)


@pytest.mark.integration
def test_command_packs_and_says_what_came_out(
    world: World, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--config", str(repository / "config/minimal.yaml")]
    arguments += [f"data.{key}={getattr(world.data, key)}" for key in ("tokenizer_path", "train_path", "packed_dir")]
    arguments += ["data.eval_path=null", "data.seq_length=8", "data.packing=best_fit"]
    assert main(arguments, command="prepare") == 0
    first = capsys.readouterr()
    assert f"train: {len(world.documents)} documents" in first.out
    assert main(arguments, command="prepare") == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert "up to date, reused" in second.err


# ---------------------------------------------------------------------------------------------------------------------
# Real text


@pytest.mark.integration
@pytest.mark.parametrize("packing", ["concat", "best_fit"])
def test_real_text_comes_back_to_the_byte(shared_data: Path, tmp_path: Path, packing: str) -> None:
    files = corpus_files(shared_data / "tinystories", key="data.train_path")
    documents = list(itertools.islice(read_documents(files), 400))
    documents += (shared_data / "babylm/dev/simple_wiki.dev").read_text()[:400_000].split("\n\n")
    documents = [document for document in documents if document]
    tokenizer = train_tokenizer(documents, TokenizerSection(vocab_size=3000))
    save_tokenizer(tokenizer, tmp_path / "t.json")
    world = World(tmp_path, str(tmp_path / "t.json"), documents, seq_length=128, packing=packing)
    dataset = world.dataset()
    assert list(decoded(dataset, tokenizer)) == documents
    assert dataset.num_words == sum(len(document.split()) for document in documents)
    assert sum(dataset.block(index)["words"] for index in range(len(dataset))) == dataset.num_words
    expected = tokenizer.encode_batch_fast(documents, add_special_tokens=False)
    for found, encoding in zip(dataset.document_ids(), expected, strict=True):
        assert found[1:-1].tolist() == encoding.ids
