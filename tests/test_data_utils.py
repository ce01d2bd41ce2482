"""data_utils: text files to documents, cleaned text and packed blocks, under the names users import."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import babyllama
from babyllama.corpus.cleaning import CLEANERS, register_cleaner
from babyllama.errors import DataError

pytestmark = pytest.mark.unit


@pytest.fixture
def clean_registry() -> Iterator[None]:
    with CLEANERS.restored():
        yield


def test_a_processor_reads_cleans_and_cuts(small_tokenizer: Any, small_text: Path) -> None:
    processor = babyllama.DataProcessor("tok.json")
    documents = processor.load_text_files(small_text)
    assert len(documents) == 40
    assert processor.load_text_files([small_text / "a.train", small_text / "a.train"]) == documents * 2
    assert processor.clean_text("Two  spaces ") == "Two spaces"
    blocks = processor.tokenize_and_chunk(documents[:2], seq_length=8)
    row = [1, *small_tokenizer.encode(documents[0]).ids, 2, 1, *small_tokenizer.encode(documents[1]).ids, 2]
    assert [token for block in blocks for token in block] == row
    assert {len(block) for block in blocks[:-1]} == {8}


def test_a_tokenizer_may_be_given_in_any_form(small_tokenizer: Any, small_text: Path) -> None:
    from babyllama.tokenizer import load_tokenizer

    expected = None
    for given in ("tok.json", Path("tok"), small_tokenizer, load_tokenizer("tok.json")):
        dataset = babyllama.DataProcessor(given).prepare_dataset(small_text, seq_length=16)
        block = dataset.block(0)["input_ids"].tolist()
        expected = expected or block
        assert block == expected
        assert block[0] == 1


def test_every_tokenizer_has_packed_text_of_its_own(small_tokenizer: Any, small_text: Path) -> None:
    other = babyllama.train_bpe_tokenizer(small_text, "other.json", vocab_size=262)
    for one, two in (("tok.json", "other.json"), (small_tokenizer, other)):
        first = babyllama.DataProcessor(one).prepare_dataset(small_text, seq_length=16)
        second = babyllama.DataProcessor(two).prepare_dataset(small_text, seq_length=16)
        assert first.path != second.path
        assert first.num_tokens < second.num_tokens
        assert babyllama.DataProcessor(one).prepare_dataset(small_text, seq_length=16).path == first.path


def test_broken_text_and_lists_of_files_are_prepared(small_tokenizer: Any, small_text: Path) -> None:
    processor = babyllama.DataProcessor("tok.json")
    (small_text / "b.train").write_bytes(b"The d\xffog sleeps.\n" * 20)
    files = [small_text / "a.train", small_text / "b.train"]
    with pytest.raises(DataError, match="UTF-8"):
        processor.prepare_dataset(files, seq_length=16)
    mended = processor.prepare_dataset(files, seq_length=16, errors="replace")
    assert mended.num_documents == 41
    assert processor.prepare_dataset(files[:1], seq_length=16).num_documents == 40
    with pytest.raises(DataError, match="no files"):
        processor.prepare_dataset([], seq_length=16)


@pytest.mark.usefixtures("clean_registry")
def test_cleaners_of_ones_own(small_tokenizer: Any) -> None:
    babyllama.DomainCleaners.shouting = str.upper
    register_cleaner("whispering")(str.lower)
    processor = babyllama.DataProcessor("tok.json")
    assert processor.clean_text("Aa", domain="shouting") == "AA"
    assert processor.clean_text("Aa", domain="whispering") == "aa"
    assert babyllama.DomainCleaners.whispering("Bb") == "bb"
    assert {"shouting", "whispering"} <= babyllama.create_cleaner_registry().keys()
