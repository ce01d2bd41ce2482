"""Word surprisal against hand-worked sums over the full distribution."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_world import TEXT, load, make_tokenizer, save_model

from babyllama.cli import main
from babyllama.errors import EvaluationError
from babyllama.evaluation.surprisal import boundary_tokens, surprisal

pytestmark = pytest.mark.unit


def distributions(loaded: Any, ids: list[int]) -> np.ndarray:
    """log p [positions, V]: row t is the prediction after ids[:t + 1]."""
    import torch

    with torch.no_grad():
        return torch.log_softmax(loaded.model.double()(torch.tensor([ids])).logits[0], dim=-1).numpy()


def test_plain_surprisals_add_up_to_the_sentence(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path))
    rows = list(surprisal(loaded, TEXT))
    table = {text: [1, *loaded.tokenizer(text, add_special_tokens=False)["input_ids"]] for text in TEXT}
    for number, (text, ids) in enumerate(table.items(), 1):
        mine = [row for row in rows if row.sentence == number]
        log_p = distributions(loaded, ids)
        expected = -sum(log_p[t - 1, ids[t]] for t in range(1, len(ids))) / math.log(2)
        assert sum(row.surprisal or 0 for row in mine) == pytest.approx(expected, rel=1e-5)
        assert [row.word for row in mine] == text.split()
        assert [row.index for row in mine] == list(range(1, len(text.split()) + 1))
        assert all(text[row.start : row.end] == row.word for row in mine)
        assert sum(row.tokens for row in mine) == len(ids) - 1


def test_correction_by_hand(tmp_path: Path) -> None:
    """p(word and its end) = p(tokens) x P(boundary after) / P(boundary before); the first word: / P(no boundary)."""
    loaded = load(save_model(tmp_path))
    text = "The cat sleeping."
    ids = [1, *loaded.tokenizer(text, add_special_tokens=False)["input_ids"]]
    log_p = distributions(loaded, ids)
    vocabulary = loaded.tokenizer.get_vocab()
    boundary = [i for token, i in vocabulary.items() if token in byte_level_spaces(list(vocabulary))] + [2]
    mass = np.exp(log_p[:, boundary]).sum(axis=1)
    rows = list(surprisal(loaded, [text]))
    start = 1
    for number, row in enumerate(rows):
        stop = start + row.tokens
        plain = sum(log_p[t - 1, ids[t]] for t in range(start, stop))
        before = math.log(1 - mass[start - 1]) if number == 0 else math.log(mass[start - 1])
        expected = -(plain + math.log(mass[stop - 1]) - before) / math.log(2)
        assert row.surprisal == pytest.approx(-plain / math.log(2), rel=1e-5)
        assert row.surprisal_corrected == pytest.approx(expected, rel=1e-4)
        start = stop
    assert start == len(ids)


def test_corrected_probabilities_of_all_continuations_cannot_exceed_one(tmp_path: Path) -> None:
    """One-token words after a prefix: with their ends they are disjoint events, without them they are not."""
    loaded = load(save_model(tmp_path))
    ends = boundary_tokens(loaded.tokenizer)
    names = loaded.tokenizer.convert_ids_to_tokens(range(330))
    words = [name[1:] for name in names if name.startswith("Ġ") and name[1:].isalpha()]
    whole = [f"The {word}" for word in words]
    alone = [
        w
        for w, e in zip(whole, loaded.tokenizer(whole, add_special_tokens=False)["input_ids"], strict=True)
        if len(e) == 2
    ]
    assert len(alone) > 10
    total = sum(2 ** -(row.surprisal_corrected or 0) for row in surprisal(loaded, alone) if row.index == 2)
    assert 0 < total <= 1
    assert len(ends) > 10


def byte_level_spaces(names: list[str], continues: str = "") -> set[str]:
    """Those of byte-level tokens whose text begins with white space, by GPT-2's table of bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    byte_of = {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}
    found = set()
    for name in names:
        bare = name.removeprefix(continues) or name
        data = bytes(byte_of[character] for character in bare if character in byte_of)
        if len(data) == len(bare) and any(data.startswith(chr(c).encode()) for c in range(0x3001) if chr(c).isspace()):
            found.add(name)
    return found


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece"])
def test_boundaries_of_every_type(kind: str) -> None:
    """The mark of pieces that continue a word is no space; vertical tab, form feed and 0x1c-0x1f are."""
    from babyllama.config.sections import TokenizerSection
    from babyllama.tokenizer import train_tokenizer, wrap_tokenizer

    text = " ".join(TEXT * 3) + "   \n\n\t x\x0b \x0cy \x1cz \xa0w \u3000"
    section = TokenizerSection(type=kind, vocab_size=700)  # type: ignore[arg-type]
    tokenizer = wrap_tokenizer(train_tokenizer([text], section))
    names = list(tokenizer.get_vocab())
    expected = byte_level_spaces(names, "▁" if kind == "wordpiece" else "") | {"</s>"}
    assert set(tokenizer.convert_ids_to_tokens(boundary_tokens(tokenizer).tolist())) == expected
    assert {"ċ", "Č", "Ĝ", "ğ"} <= expected, "0x0b, 0x0c, 0x1c and 0x1f stand in the alphabet"
    if kind == "wordpiece":
        assert "▁Ġ" in expected
        assert "▁a" not in expected


def test_boundaries_of_other_peoples_tokenizers() -> None:
    """SentencePiece's ▁ and its bytes; a BERT tokenizer marks continuing pieces and no spaces."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = ["<unk>", "</s>", "▁", "▁cat", "cat", "<0x0A>", "<0x41>", "##s", "."]
    backend = Tokenizer(models.BPE({name: n for n, name in enumerate(vocabulary)}, [], unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Sequence([decoders.Metaspace(), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>")
    assert boundary_tokens(tokenizer).tolist() == [1, 2, 3, 5]
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    assert boundary_tokens(PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>")).tolist() == []


def test_white_space_and_unicode(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path))
    text = "  Zoë —  said\t5 €  "
    rows = list(surprisal(loaded, ["", "   ", text]))
    assert {row.sentence for row in rows} == {3}
    assert [row.word for row in rows] == ["Zoë", "—", "said", "5", "€"]
    assert [text[row.start : row.end] for row in rows] == [row.word for row in rows]
    ids = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert sum(row.tokens for row in rows) == len(ids), "every token counts to one word"
    assert all(row.surprisal is not None and row.surprisal_corrected is not None for row in rows)


def test_without_marks_the_first_word_has_no_surprisal(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path, tokenizer=make_tokenizer(bos=None, eos=None)))
    rows = list(surprisal(loaded, ["The cat sleeps."]))
    assert rows[0].surprisal is None
    assert rows[0].surprisal_corrected is None
    assert rows[1].surprisal is not None


def test_batches_do_not_change_anything(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path))
    whole = list(surprisal(loaded, TEXT))
    for first, second in zip(whole, surprisal(loaded, TEXT, batch_size=2), strict=True):
        assert first.surprisal == pytest.approx(second.surprisal, rel=1e-5)
        assert (first.sentence, first.word) == (second.sentence, second.word)


def test_masked_models_have_none(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="masked"):
        surprisal(load(save_model(tmp_path, "Bert")), TEXT)


def test_masked_models_are_refused_before_anything_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_model(tmp_path / "model", "Bert")
    (tmp_path / "text.txt").write_text("The cat.")
    assert main(["surprisal", str(model), "--text", str(tmp_path / "text.txt"), "--device", "cpu"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "masked language model" in printed.err


def test_a_byte_order_mark_is_no_part_of_the_first_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(save_model(tmp_path / "model"))
    rows = []
    for mark in (b"", b"\xef\xbb\xbf"):
        (tmp_path / "text.txt").write_bytes(mark + b"The cat.\r\n")
        assert main(["surprisal", model, "--text", str(tmp_path / "text.txt"), "--device", "cpu"]) == 0
        rows.append(capsys.readouterr().out)
    assert rows[0] == rows[1]


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_command(tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(save_model(tmp_path / "model"))
    (tmp_path / "text.txt").write_text("The cat sleeps.\n\nA dog.\n", encoding="utf-8")
    arguments = ["surprisal", model, "--text", str(tmp_path / "text.txt"), "--device", "cpu"]
    assert main([*arguments, "--output", str(tmp_path / f"out.{form}"), "--quiet"]) == 0
    lines = (tmp_path / f"out.{form}").read_text(encoding="utf-8").splitlines()
    if form == "jsonl":
        assert json.loads(lines[3])["word"] == "A"
        assert json.loads(lines[3])["sentence"] == 3
    else:
        sign = "," if form == "csv" else "\t"
        assert lines[0].split(sign)[:3] == ["sentence", "index", "word"]
        assert lines[4].split(sign)[:3] == ["3", "1", "A"]
    capsys.readouterr()
    assert main([*arguments, "--whole-text"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1 + 5
    assert printed[4].startswith("1,4,A,17,18,")


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "there is no text in it"), (b"ok\n\xff\n", "not UTF-8"), (None, "cannot be read")]
)
def test_unusable_text(tmp_path: Path, content: bytes | None, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    if content is not None:
        (tmp_path / "text.txt").write_bytes(content)
    assert main(["surprisal", str(tmp_path / "model"), "--text", str(tmp_path / "text.txt")]) == 2
    assert message in capsys.readouterr().err


def test_a_pipe_is_no_text_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "text.txt")
    assert main(["surprisal", str(tmp_path / "model"), "--text", str(tmp_path / "text.txt")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_items_and_conditions_go_with_every_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(save_model(tmp_path / "model"))
    (tmp_path / "items.csv").write_text('item,condition,sentence\n7,good,"The cat, it sleeps."\n7,=bad,The cat -x\n')
    command = [
        "surprisal",
        model,
        "--text",
        str(tmp_path / "items.csv"),
        "--device",
        "cpu",
        "--text-column",
        "sentence",
    ]
    assert main([*command, "--keep-columns", "item,condition"]) == 0
    rows = [line.split(",")[:6] for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["sentence", "item", "condition", "index", "word", "start"]
    assert rows[1][:5] == ["1", "7", "good", "1", "The"]
    assert rows[-1][:5] == ["2", "7", "'=bad", "3", "'-x"], "what a spreadsheet would take for a formula"
    assert main([*command, "--keep-columns", "item,condition", "--format", "jsonl"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["condition"], last["word"]) == ("=bad", "-x")
    for columns, message in (("item,kind", "no text in 'kind'"), ("item,word", "the output has a column of that name")):
        assert main([*command, "--keep-columns", columns]) == 2
        assert message in capsys.readouterr().err


def test_punctuation_may_have_rows_of_its_own(tmp_path: Path) -> None:
    loaded = load(save_model(tmp_path))
    text = '"Don\'t," said Zoe\u0301 (twice) -- U.S.'
    rows = list(surprisal(loaded, [text], split_punctuation=True))
    words = ['"', "Don't", ',"', "said", "Zoe\u0301", "(", "twice", ")", "--", "U.S", "."]
    assert [row.word for row in rows] == words
    assert [text[row.start : row.end] for row in rows] == words
    assert sum(row.tokens for row in rows) == len(loaded.tokenizer(text, add_special_tokens=False)["input_ids"])
    whole = sum(row.surprisal or 0 for row in surprisal(loaded, [text]))
    assert sum(row.surprisal or 0 for row in rows) == pytest.approx(whole, rel=1e-5)
    assert all(row.surprisal_corrected is None for row in rows), "no white space ends such a word"
