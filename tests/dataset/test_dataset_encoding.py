"""Encoding by look-up gives the tokens of `tokenizers` itself, and every word of `str.split` exactly once."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from babyllama.config.sections import TokenizerSection
from babyllama.dataset.encoding import OffsetEncoder, Stretch, TokenBatch, encode_documents
from babyllama.dataset.pieces import MARGIN, PieceEncoder, PiecePattern
from babyllama.tokenizer import SpecialIds, train_tokenizer

pytestmark = pytest.mark.unit

SPECIAL = SpecialIds(bos=1, eos=2, pad=0)
TEXT = "the cat isn't here; they've 12 dogs & we'll see naïve cafés\n\n  don't 'stop' ... \t ok 中文 中文"
WORLD = train_tokenizer([TEXT] * 3, TokenizerSection(vocab_size=340))
TRICKY = st.text(
    alphabet=st.sampled_from("ab'strevl1² .!\n\t\r\x0b\x1c\x1f\x85\u00a0\u2028\u200bé\u0301中😀Ⅷ"), max_size=40
)


def foreign() -> Tokenizer:
    """A tokenizer of another make: white space dropped, unknown words skipped."""
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(
        [TEXT], trainers.WordLevelTrainer(special_tokens=["<pad>", "<s>", "</s>", "<unk>"], show_progress=False)
    )
    return tokenizer


def metaspace() -> Tokenizer:
    """Like SentencePiece: a space becomes part of the word behind it."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    special = ["<pad>", "<s>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(
        [TEXT], trainers.BpeTrainer(special_tokens=special, vocab_size=90, show_progress=False)
    )
    return tokenizer


def joined(documents: list[str], tokenizer: Tokenizer, **limits: int) -> TokenBatch:
    batches = list(encode_documents(documents, tokenizer, SPECIAL, **limits))
    base = np.cumsum([0, *(len(batch.ids) for batch in batches)])
    return TokenBatch(
        np.concatenate([batch.ids for batch in batches]),
        np.concatenate([batch.words for batch in batches]),
        np.concatenate([batch.starts + start for batch, start in zip(batches, base, strict=False)]),
        open=batches[-1].open,
    )


@given(documents=st.lists(st.one_of(TRICKY, st.text(max_size=30)), min_size=1, max_size=6))
@settings(max_examples=300)
def test_look_up_gives_the_tokens_of_the_tokenizer(documents: list[str]) -> None:
    documents = [document for document in documents if document] or ["x"]
    batch = joined(documents, WORLD)
    encodings = WORLD.encode_batch_fast(documents, add_special_tokens=False)
    assert batch.ids.tolist() == [i for encoding in encodings for i in (1, *encoding.ids, 2)]
    sizes = [len(encoding.ids) + 2 for encoding in encodings]
    assert batch.starts.tolist() == (np.cumsum(sizes) - sizes).tolist()
    for start, size, document in zip(batch.starts, sizes, documents, strict=True):
        assert batch.words[start : start + size].sum() == len(document.split())
        assert batch.words[start] == batch.words[start + size - 1] == 0
    assert not batch.open


@given(documents=st.lists(TRICKY, min_size=1, max_size=4))
@settings(max_examples=100)
def test_both_encoders_count_the_same_words(documents: list[str]) -> None:
    parts = [Stretch(document, True, True) for document in documents if document] or [Stretch("x", True, True)]
    ids, words = PieceEncoder(WORLD, SPECIAL).encode(parts)
    other_ids, other_words = OffsetEncoder(WORLD, SPECIAL).encode(parts)
    assert ids.tolist() == other_ids.tolist()
    assert words.sum() == other_words.sum() == sum(len(part.text.split()) for part in parts)


def test_both_encoders_put_words_at_the_same_tokens() -> None:
    parts = [Stretch(TEXT, True, True)]
    for first, second in zip(
        PieceEncoder(WORLD, SPECIAL).encode(parts), OffsetEncoder(WORLD, SPECIAL).encode(parts), strict=True
    ):
        assert first.tolist() == second.tolist()


@pytest.mark.parametrize("make", [foreign, metaspace])
@given(documents=st.lists(TRICKY, min_size=1, max_size=4))
@settings(max_examples=60)
def test_words_are_exact_with_any_tokenizer(make, documents: list[str]) -> None:  # type: ignore[no-untyped-def]
    tokenizer = make()
    assert not PieceEncoder.serves(tokenizer)
    documents = [document for document in documents if document] or ["x"]
    batch = joined(documents, tokenizer)
    encodings = tokenizer.encode_batch(documents, add_special_tokens=False)
    assert batch.ids.tolist() == [i for encoding in encodings for i in (1, *encoding.ids, 2)]
    bounds = [*batch.starts, len(batch.ids)]
    for start, stop, document in zip(bounds, bounds[1:], documents, strict=False):
        assert batch.words[start:stop].sum() == len(document.split())


@pytest.mark.parametrize(
    "keys", [{"nfkc": True}, {"add_prefix_space": True}, {"type": "wordpiece", "vocab_size": 700}, {"type": "unigram"}]
)
def test_all_of_our_own_types_are_encoded_as_they_encode(keys: dict) -> None:
    tokenizer = train_tokenizer([TEXT] * 3, TokenizerSection(**{"vocab_size": 340, **keys}))
    documents = [TEXT, " ﬁ ½ e\u0301 x" * 50, "z" * 333]
    batch = joined(documents, tokenizer)
    encodings = tokenizer.encode_batch(documents, add_special_tokens=False)
    assert batch.ids.tolist() == [i for encoding in encodings for i in (1, *encoding.ids, 2)]
    assert batch.words.sum() == sum(len(document.split()) for document in documents)


def test_small_batches_and_tables_change_nothing() -> None:
    documents = [TEXT * 3, "a " * 40, "b" * 100, "", "  \n ", TEXT]
    whole = joined(documents, WORLD)
    batches = list(encode_documents(documents, WORLD, SPECIAL, batch=20, most_pieces=10))
    assert len(batches) > 10
    assert any(batch.open for batch in batches)
    small = joined(documents, WORLD, batch=20, most_pieces=10)
    for name in ("ids", "words", "starts"):
        assert getattr(small, name).tolist() == getattr(whole, name).tolist()


@given(text=TRICKY, window=st.integers(10, 30))
@settings(max_examples=200)
def test_the_pattern_cuts_as_the_tokenizer_does_in_any_window(text: str, window: int) -> None:
    text = text * 3
    pattern = PiecePattern(WORLD)
    assert "".join(pattern.cut(text)) == text
    lengths = [stop - start for _, (start, stop) in WORLD.pre_tokenizer.pre_tokenize_str(text)]
    assert [len(piece) for piece in pattern.cut(text)] == lengths
    cut = PiecePattern(WORLD, window).cut(text)
    assert "".join(cut) == text
    # A run without any cut that is longer than the window is cut there, and nowhere else.
    if max(lengths, default=0) <= window - MARGIN:
        assert [len(piece) for piece in cut] == lengths


def test_every_code_point_is_classed_as_the_tokenizer_classes_it() -> None:
    text = "".join(f"a{chr(code)}1{chr(code)} {chr(code)}{chr(code)}\n" for code in range(0x250))
    text += "".join(f"a{chr(code)}1{chr(code)}\n" for code in range(0x2000, 0x2100))
    pattern = PiecePattern(WORLD)
    lengths = [stop - start for _, (start, stop) in WORLD.pre_tokenizer.pre_tokenize_str(text)]
    assert [len(piece) for piece in pattern.cut(text)] == lengths


def test_one_mark_for_both_ends_still_finds_every_start() -> None:
    documents = ["the cat", "dogs", "x y z"]
    batches = list(encode_documents(documents, WORLD, SpecialIds(1, 1, 1)))
    sizes = [len(WORLD.encode(document).ids) + 2 for document in documents]
    assert batches[0].starts.tolist() == (np.cumsum(sizes) - sizes).tolist()


def test_real_lines_of_every_domain(shared_data: Path) -> None:
    for path in sorted((shared_data / "babylm/dev").glob("*.dev")):
        text = path.read_text(encoding="utf-8")[:60_000]
        batch = joined([text], WORLD)
        assert batch.ids[1:-1].tolist() == WORLD.encode(text).ids
        assert batch.words.sum() == len(text.split())
