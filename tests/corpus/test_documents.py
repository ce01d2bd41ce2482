"""Prepared corpora: files found, documents streamed, faults named with their place."""

import bz2
import gzip
import json
import lzma

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from babyllama.artifacts import Manifest
from babyllama.corpus.reading import corpus_files, documents, is_synthetic, read_documents
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
    path.write_text("first passage\n\nsecond passage <|endoftext|> inside a line\n")
    assert list(read_documents([path])) == ["first passage\n\nsecond passage <|endoftext|> inside a line"]


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
        ('{"body": "x"}', "no text under 'text' (the record has: body)"),
        ("{text", "not a JSON record"),
        ("[1]", "no text"),
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
