"""Real kills in the tokenizer and dataset stages: a later run finds the old artifact, the new one, or none; never a half."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from faults import kill_at_random_moments

from babyllama.config.sections import DataSection, TokenizerSection
from babyllama.dataset import PackedDataset, packed_folder, prepare_dataset
from babyllama.tokenizer import build_tokenizer, find_tokenizer, load_fast, save_tokenizer, train_tokenizer

pytestmark = pytest.mark.integration

LINES = [f"the {number} dogs that sleep near cat {number % 7} are not barking\n" for number in range(1500)]
VOCABULARIES = (300, 400)
"""What the stage builds in turn, so that a kill meets a replacement as often as a first building."""


def build(folder: str) -> None:
    """The tokenizer stage: replaces the tokenizer of one size by the other, or builds the first."""
    path, text = Path(folder) / "t.json", Path(folder) / "a.train"
    present = find_tokenizer(path)
    size = VOCABULARIES[present is not None and load_fast(present).get_vocab_size() == VOCABULARIES[0]]
    build_tokenizer(lambda: iter([text.read_text()]), [text], TokenizerSection(vocab_size=size), path)


def section(folder: str) -> DataSection:
    return DataSection(
        tokenizer_path=f"{folder}/t.json",
        train_path=f"{folder}/a.train",
        packed_dir=f"{folder}/packed",
        packing="best_fit",
        seq_length=16,
    )


def pack(folder: str) -> None:
    """The dataset stage."""
    text = Path(folder) / "a.train"
    documents = text.read_text().splitlines() * 4
    prepare_dataset(lambda: iter(documents), [text], f"{folder}/t.json", section(folder), split="train")


def add_and_pack(folder: str) -> None:
    """The dataset stage on text that has just grown by a line, so that it always has something to do."""
    with (Path(folder) / "a.train").open("a") as file:
        file.write("one more line\n")
    pack(folder)


def pack_until_the_disk_is_full(folder: str) -> None:
    """The dataset stage where no file can grow beyond 20 kB."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    with pytest.raises(OSError):
        pack(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.train").write_text("".join(LINES))
    return tmp_path


def stage(function: str, folder: Path) -> str:
    """The program that runs a function of this file."""
    here = str(Path(__file__).parent)
    return (
        f"import sys; sys.path.insert(0, {here!r})\n"
        f"from test_dataset_faults import {function}\nprint('working', flush=True)\n{function}({str(folder)!r})"
    )


@pytest.mark.slow
def test_a_killed_tokenizer_stage_leaves_a_whole_tokenizer_or_none(folder: Path) -> None:
    references = {
        size: train_tokenizer(["".join(LINES)], TokenizerSection(vocab_size=size)).to_str(pretty=True)
        for size in VOCABULARIES
    }

    def check() -> str:
        files = [file for file in (folder / "t.json", folder / "t" / "tokenizer.json") if file.exists()]
        assert all(file.read_text() in references.values() for file in files)
        # Whatever the kill left, the next run ends with what was asked for, in both places.
        for size, reference in references.items():
            build_tokenizer(
                lambda: iter(["".join(LINES)]),
                [folder / "a.train"],
                TokenizerSection(vocab_size=size),
                folder / "t.json",
            )
            assert (folder / "t.json").read_text() == reference == (folder / "t" / "tokenizer.json").read_text()
        return f"{len(files)} files"

    kills = kill_at_random_moments(stage("build", folder), kills=5, seed=1, prepare=lambda: None, check=check)
    assert len(kills) == 5


@pytest.mark.slow
def test_a_killed_dataset_stage_leaves_a_whole_dataset_or_none(folder: Path) -> None:
    save_tokenizer(train_tokenizer(LINES, TokenizerSection(vocab_size=300)), folder / "t.json")
    path = packed_folder(section(str(folder)), "train")

    def check() -> str:
        # A kill between the two renames of a replacement leaves the old folder under a hidden name.
        found = "whole" if path.exists() and _is_whole(path) else "none"
        pack(str(folder))
        assert _is_whole(path).num_words == 4 * len((folder / "a.train").read_text().split())
        assert sorted(entry.name for entry in path.parent.iterdir()) == sorted([f".lock-{path.name}", path.name])
        return found

    kills = kill_at_random_moments(stage("add_and_pack", folder), kills=5, seed=2, prepare=lambda: None, check=check)
    assert len(kills) == 5


def test_a_full_disk_leaves_nothing_behind(folder: Path) -> None:
    save_tokenizer(train_tokenizer(LINES, TokenizerSection(vocab_size=300)), folder / "t.json")
    subprocess.run([sys.executable, "-c", stage("pack_until_the_disk_is_full", folder)], check=True)
    assert [path.name[:6] for path in (folder / "packed").iterdir()] == [".lock-"]


def _is_whole(path: Path) -> PackedDataset:
    dataset = PackedDataset(path)
    assert len(dataset.tokens) == dataset.num_tokens == dataset.token_counts.sum()
    assert dataset.words_between(0, dataset.num_tokens) == dataset.num_words
    assert np.count_nonzero(dataset.tokens == 1) == np.count_nonzero(dataset.tokens == 2) == dataset.num_documents
    return dataset
