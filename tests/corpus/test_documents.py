"""Prepared corpora: files found, documents streamed, faults named with their place."""

import bz2
import contextlib
import gzip
import json
import lzma
import os
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from babyllama.artifacts import Manifest
from babyllama.corpus.clean_files import clean_path
from babyllama.corpus.reading import SEPARATOR, corpus_files, documents, is_synthetic, read_documents
from babyllama.corpus.reading.decoding import BLOCK
from babyllama.corpus.reading.records import records
from babyllama.corpus.reading.splitting import split_file
from babyllama.errors import DataError

pytestmark = pytest.mark.unit

COMPRESS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}
STORY = "One day, a cat sat.\n\nIt was über-happy.\n<|endoftext|>\nThe end.\n<|endoftext|>\n\n<|endoftext|>\nMore"
STORY_DOCUMENTS = ["One day, a cat sat.\n\nIt was über-happy.", "The end.", "More"]


@pytest.mark.parametrize("suffix", ["", *COMPRESS])
def test_documents_are_split_at_separator_lines_and_empty_ones_dropped(tmp_path, suffix):
    path = tmp_path / f"a.train{suffix}"
    path.write_bytes(COMPRESS.get(suffix, bytes)(STORY.encode()))
    assert list(read_documents([path])) == STORY_DOCUMENTS


def test_a_file_without_separator_is_one_document(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("first passage\n\nsecond passage <|endoftext> inside a line\n")
    assert list(read_documents([path])) == ["first passage\n\nsecond passage <|endoftext> inside a line"]


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("one<|endoftext|>two", ["one", "two"]),
        ("one <|endoftext|> two \t<|endoftext|>\nthree", ["one", "two", "three"]),
        ("one\n  <|endoftext|>  two\n\n<|endoftext|>\n three \n", ["one", "two\n", " three "]),
        (" a <|endoftext|>" * 200, [" a", *["a"] * 199]),
        ("<|endoftext|><|endoftext|>\r\n\r\nx\r\n<|endoftext|>\r\n", ["\r\nx"]),
    ],
)
def test_a_separator_inside_a_line_separates_too(tmp_path, text, documents):
    path = tmp_path / "a.txt"
    path.write_text(text, newline="")
    assert list(read_documents([path])) == documents
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": text}))
    in_record = list(read_documents([tmp_path / "a.jsonl"]))
    assert [document.rstrip("\n") for document in in_record] == [document.rstrip("\n") for document in documents]
    sources = split_file(path, "default")
    assert [part.text.split() for part in sources] == [document.split() for document in documents]


@pytest.mark.parametrize("space", ["", " ", "\t"])
def test_separators_are_seen_wherever_a_block_of_a_long_line_ends(tmp_path, space):
    path = tmp_path / "a.txt"
    for length in range(BLOCK - 30, BLOCK + 4):
        path.write_text("x" * length + space + SEPARATOR + space + "y" * BLOCK + SEPARATOR + "\nz")
        assert list(map(len, read_documents([path]))) == [length, BLOCK, 1]


def test_other_spellings_of_the_separator_are_counted_in_one_warning(tmp_path, capsys):
    path = tmp_path / "a.txt"
    path.write_text("one <|EndOfText|> two < |endoftext| > three </|end of text|> a < b > c </s>\n<|endoftext|>\n" * 3)
    clean_path(str(path), tmp_path / "b.txt")
    warned = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert len(warned) == 1
    assert "'<|EndOfText|>' or the like 9 times" in warned[0]


def test_windows_line_ends_and_a_byte_order_mark_do_not_hide_separators(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone\r\n<|endoftext|>\r\ntwo\r\n".encode())
    assert list(read_documents([path])) == ["one", "two"]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_json_lines_give_one_document_per_record(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    lines = [json.dumps({"text": text, "id": 1}) for text in ["eins\nzwei", "", "drei"]]
    path.write_bytes(COMPRESS.get(suffix[6:], bytes)("\n".join(lines).encode()))
    assert list(read_documents([path])) == ["eins\nzwei", "drei"]


@pytest.mark.parametrize("suffix", [".parquet", ".parquet.zst"])
def test_parquet_gives_one_document_per_row(tmp_path, suffix):
    plain = tmp_path / "plain.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", None, "b"], "n": [1, 2, 3]}), plain)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(COMPRESS.get(suffix[8:], bytes)(plain.read_bytes()))
    assert list(read_documents([path])) == ["a", "b"]


def test_long_documents_come_in_pieces_that_join_to_the_document(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "MAX_DOCUMENT", 50)
    text = "\n".join(f"line number {n} of a long text" for n in range(100)) + "x" * 200
    path = tmp_path / "a.txt"
    path.write_text(text + "\n<|endoftext|>\nshort")
    *pieces, last = read_documents([path])
    assert "".join(pieces) == text
    assert last == "short"
    assert max(map(len, pieces)) <= 50
    assert all(piece.endswith("\n") for piece in pieces[:90])


def test_one_very_long_line_is_read_in_bounded_pieces(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("word " * 1_000_000)
    pieces = list(read_documents([path]))
    assert "".join(pieces) == "word " * 1_000_000
    assert max(map(len, pieces)) <= documents.MAX_DOCUMENT


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"fine\nna\xefve caf\xe9\n", "byte 0xef at position 7 (line 2)"),
        (b"x" * (1 << 20) + b"\n\n" + b"\xff", f"position {(1 << 20) + 2} (line 3)"),
        (b"cut in a character \xe2\x82", "ends at byte 21"),
        ("text".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04\x00\x00", "zero byte at position 4"),
    ],
)
def test_text_that_is_not_utf8_is_named_with_its_place(tmp_path, content, says):
    path = tmp_path / "a.train"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(read_documents([path]))
    assert str(path) in str(caught.value)
    assert says in str(caught.value)
    assert "\ufffd" in "".join(read_documents([path], errors="replace"))


def test_a_character_across_two_blocks_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("x" * ((1 << 20) - 1) + "é!", encoding="utf-8")
    assert "".join(read_documents([path])).endswith("xé!")


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_compressed_file_cut_short_is_an_error(tmp_path, suffix):
    path = tmp_path / f"a.txt{suffix}"
    text = "".join(f"{n * 7919 % 10007} " for n in range(200_000))
    path.write_bytes(COMPRESS[suffix](text.encode())[:-200])
    with pytest.raises(DataError, match="damaged or cut short"):
        list(read_documents([path]))


def test_parquet_faults_name_file_and_columns(tmp_path):
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"content": ["a"], "id": [1]}), path)
    with pytest.raises(DataError, match=r"no column 'text' \(it has: content, id\)"):
        list(read_documents([path]))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="damaged or cut short"):
        list(read_documents([path]))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"body": "x"}', "no text under 'text' (the record has: 'body')"),
        ("{text", "not a JSON record"),
        ("[1]", "the record is a list, not an object"),
        ('{"text": ["a"]}', "'text' holds a list, not text"),
        ('{"text": 42}', "'text' holds a number, not text"),
        ("[" * 100_000, "nested too deeply"),
        ('{"text": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
    ],
)
def test_json_faults_name_file_and_line(tmp_path, line, says):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "fine"}\n' + line + "\n")
    with pytest.raises(DataError) as caught:
        list(read_documents([path]))
    assert f"{path}, line 2: " in str(caught.value)
    assert says in str(caught.value)


def test_an_unreadable_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*gone\.txt: No such file"):
        list(read_documents([tmp_path / "gone.txt"]))


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.jsonl", "a.parquet", "a.txt.zst"])
def test_a_pipe_or_folder_where_a_file_belongs_is_named_at_once(tmp_path, name):
    os.mkfifo(tmp_path / name)
    (tmp_path / "sub" / name).mkdir(parents=True)
    for path in (tmp_path / name, tmp_path / "sub" / name):
        with pytest.raises(DataError, match=rf"{name}( is no file|: Is a directory)"):
            list(read_documents([path]))
    with pytest.raises(DataError, match=r"data\.train_path: .* is neither a file nor a folder"):
        corpus_files(tmp_path / name, key="data.train_path")


@pytest.mark.parametrize("cut", [0, 4, 100, -9])
def test_a_damaged_parquet_file_is_named(tmp_path, cut):
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["some text " * 20] * 50}), path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"a\.parquet is damaged or cut short"):
        list(read_documents([path]))


def test_flipped_bytes_of_a_parquet_file_end_in_text_or_in_one_error(tmp_path):
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": [f"text {n}" for n in range(50)]}), path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with contextlib.suppress(DataError):
            list(read_documents([path]))


def test_nested_keys_name_the_text_of_a_record(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('\ufeff{"meta": {"text": "\ufeffone"}, "a.b": "two"}\n')
    assert list(records(path, "meta.text")) == ["one"]
    assert list(records(path, "a.b")) == ["two"]
    with pytest.raises(DataError, match=r"no text under 'meta\.body' \(the record has: 'text'\)"):
        list(records(path, "meta.body"))
    with pytest.raises(DataError, match=r"'meta' holds an object, not text"):
        list(records(path, "meta"))
    table = pyarrow.table({"meta": [{"text": "one"}, {"text": None}]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert list(records(tmp_path / "a.parquet", "meta.text")) == ["one", ""]


def test_readable_text_is_read_whatever_its_name_and_the_rest_is_named(tmp_path, capsys):
    read = [
        "A.TXT",
        "B.Txt.GZ",
        "c.text",
        "AA/wiki_00",
        "wiki.train.raw",
        "wiki.train.tokens",
        "AA/wiki_01.bz2",
        "u.JSONL",
    ]
    held_out = ["wiki.valid.raw", "wiki.test.tokens", "x.dev"]
    for name in [
        *read,
        *held_out,
        "README",
        "README.md",
        "b.pdf",
        "table.csv",
        "x.units.tsv",
        "manifest.json",
        ".hidden",
    ]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("some text é" * 1000)
    (tmp_path / "binary").write_bytes(b"\x00\x01" * 10)
    (tmp_path / "latin").write_bytes(b"caf\xe9" * 10)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "AA")
    found = corpus_files(tmp_path, key="data.train_path")
    assert {str(file.relative_to(tmp_path)) for file in found} == set(read)
    note = capsys.readouterr().err
    assert note.count("\n") == 1
    assert "8 files left out, not known as text: README, README.md, b.pdf, binary, latin and 3 more" in note
    assert {file.name for file in corpus_files(tmp_path, key="data.eval_path")} == {"wiki.valid.raw", "x.dev"}
    (tmp_path / "B.Txt.GZ").write_bytes(gzip.compress(b"one"))
    assert list(read_documents([tmp_path / "B.Txt.GZ"])) == ["one"]


@pytest.mark.parametrize(
    ("name", "says"),
    [(b"a\xff.txt", r"a\\xff.txt has a name that is not UTF-8"), (b"a\nb.txt", r"a\x0ab.txt has control")],
)
def test_names_that_no_manifest_or_table_could_hold_are_refused(tmp_path, name, says):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("text")
    with pytest.raises(DataError) as caught:
        corpus_files(tmp_path, key="data.train_path")
    assert says.replace("\\\\", "\\") in str(caught.value)
    assert "data.train_path" in str(caught.value)


def test_a_folder_gives_its_text_files_sorted_by_purpose(tmp_path):
    for name in [
        "b.train",
        "a.txt",
        "a.dev",
        "c.test",
        "sub/d.jsonl.gz",
        ".hidden.txt",
        "manifest.json",
        ".x/e.txt",
    ]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text")
    names = [str(file.relative_to(tmp_path)) for file in corpus_files(tmp_path, key="data.train_path")]
    assert names == ["a.txt", "b.train", "sub/d.jsonl.gz"]
    assert corpus_files(tmp_path, key="data.eval_path") == [tmp_path / "a.dev"]
    assert corpus_files(str(tmp_path / "*.t*"), key="k") == [tmp_path / n for n in ("a.txt", "b.train", "c.test")]
    assert corpus_files(tmp_path / "a.dev", key="data.train_path") == [tmp_path / "a.dev"]


@pytest.mark.parametrize(
    ("name", "says"), [("", "holds no text"), ("gone", "does not exist"), ("*.train", "matches no")]
)
def test_no_text_is_an_error_that_names_the_key(tmp_path, name, says):
    with pytest.raises(DataError, match=rf"data\.train_path: .* {says}"):
        corpus_files(f"{tmp_path}/{name}", key="data.train_path")


def test_synthetic_text_is_known_by_the_manifest_beside_it(tmp_path):
    for name, stage, outputs in [("a", "synthetic", {}), ("b", "mix", {"synthetic": True}), ("c", "mix", {})]:
        (tmp_path / name).mkdir()
        Manifest(stage, {}, {}, outputs).write(tmp_path / name)
    assert [is_synthetic([tmp_path / name / "x.train"]) for name in "abcd"] == [True, True, False, False]


def test_half_a_surrogate_pair_in_json_is_named_or_replaced(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "ok \\ud83d\\ude00"}\n{"text": "bad \\ud83d end"}\n')
    with pytest.raises(DataError, match="line 2: the text has half a surrogate pair at character 4"):
        list(read_documents([path]))
    assert list(read_documents([path], errors="replace")) == ["ok \U0001f600", "bad \ufffd end"]
