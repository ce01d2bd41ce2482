"""Minimal pairs in the formats people have: read as what was asked for, refused with one clear line otherwise."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from babyllama.errors import DataError
from babyllama.evaluation.pairs import read_pairs

pytestmark = pytest.mark.unit

DUTCH = [("Hij slaapt.", "Hij slapen."), ("Zij slapen.", "Zij slaapt.")]
LINES = "".join(json.dumps({"sentence_good": good, "sentence_bad": bad}) + "\n" for good, bad in DUTCH)


def sentences(folder: Path, form: str = "blimp", **columns: str) -> list[tuple[str, str]]:
    return [(pair.good, pair.bad) for pair in read_pairs(folder, form, **columns).pairs]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("agr.jsonl", LINES.encode()),
        ("agr.jsonl", b"\xef\xbb\xbf" + LINES.encode()),
        ("agr.jsonl", LINES.replace("\n", "\r\n\r\n").encode()),
        ("agr.jsonl.gz", gzip.compress(LINES.encode(), mtime=0)),
        ("AGR.JSONL", LINES.encode()),
        ("agr.csv", b"sentence_good,sentence_bad\nHij slaapt.,Hij slapen.\nZij slapen.,Zij slaapt.\n"),
        ("agr.tsv", b"sentence_good\tsentence_bad\r\nHij slaapt.\tHij slapen.\r\nZij slapen.\tZij slaapt.\r\n"),
        ("below/agr.jsonl", LINES.encode()),
    ],
)
def test_the_same_pairs_in_every_file(tmp_path: Path, name: str, data: bytes) -> None:
    file = tmp_path / "p" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    assert sentences(tmp_path / "p") == DUTCH
    (pair, _) = read_pairs(tmp_path / "p").pairs
    assert (pair.uid.lower(), pair.field, pair.term) == ("agr", "other", pair.uid), "own pairs are no supplement"


def test_a_list_of_objects_is_read_when_it_is_named(tmp_path: Path) -> None:
    file = tmp_path / "agr.json"
    file.write_text(json.dumps([{"sentence_good": good, "sentence_bad": bad} for good, bad in DUTCH]))
    assert sentences(file) == DUTCH
    with pytest.raises(DataError, match=r"holds no minimal-pair files .*Name .*agr\.json itself"):
        read_pairs(tmp_path)


def test_multiblimp_is_read_by_its_name_or_by_its_columns(tmp_path: Path) -> None:
    (tmp_path / "nld.jsonl").write_text('{"sen": "Hij slaapt.", "wrong_sen": "Hij slapen.", "phenomenon": "SV-#"}\n')
    assert sentences(tmp_path, "multiblimp") == DUTCH[:1]
    assert read_pairs(tmp_path, "multiblimp").pairs[0].uid == "SV-#"
    named = read_pairs(tmp_path, good="sen", bad="wrong_sen", group="phenomenon").pairs[0]
    assert (named.good, named.uid) == ("Hij slaapt.", "SV-#")
    with pytest.raises(
        DataError, match=r"no 'sentence_good'\. Its columns are those of MultiBLiMP.*--pair-format multi"
    ):
        read_pairs(tmp_path)


def test_zorro_has_the_unacceptable_sentence_first(tmp_path: Path) -> None:
    file = tmp_path / "agreement_determiner_noun-across_1_adjective.txt"
    file.write_text("look at this big cats .\nlook at these big cats .\n")
    (pair,) = read_pairs(tmp_path, "zorro").pairs
    assert (pair.good, pair.bad) == ("look at these big cats .", "look at this big cats .")
    assert (pair.uid, pair.term) == (file.stem, "agreement_determiner_noun")
    file.write_text("one line\n")
    with pytest.raises(DataError, match="odd number"):
        read_pairs(tmp_path, "zorro")
    with pytest.raises(DataError, match=r"holds no minimal-pair files .*--pair-format zorro would read"):
        read_pairs(tmp_path)


CLIMP = "sentence,label,minimal_pair_id,phenomenon\n他 吃掉 苹果,1,0,binding\n他 吃 他,0,0,binding\n"


def test_climp_joins_the_two_rows_of_a_pair(tmp_path: Path) -> None:
    (tmp_path / "climp.csv").write_text(CLIMP, encoding="utf-8")
    (pair,) = read_pairs(tmp_path, "climp").pairs
    assert (pair.uid, pair.good, pair.bad) == ("binding", "他 吃掉 苹果", "他 吃 他")
    with pytest.raises(DataError, match=r"columns are those of CLiMP .*--pair-format climp"):
        read_pairs(tmp_path)
    (tmp_path / "climp.csv").write_text(CLIMP + "x,1,7,binding\n", encoding="utf-8")
    with pytest.raises(DataError, match="pair '7' of binding has one sentence"):
        read_pairs(tmp_path, "climp")


def test_blimp_nl_may_repeat_a_pair_id(tmp_path: Path) -> None:
    rows = ({"sentence_good": good, "sentence_bad": bad, "UID": "sv", "pairID": 1} for good, bad in DUTCH)
    (tmp_path / "sv.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert sentences(tmp_path, "blimp-nl") == DUTCH
    with pytest.raises(DataError, match="pairID '1' of sv already stands in line 1"):
        read_pairs(tmp_path)


def test_pairs_repeated_across_files_are_refused(tmp_path: Path) -> None:
    """A browser's second copy would double the pairs and narrow the interval."""
    (tmp_path / "passive_1.jsonl").write_text(LINES)
    (tmp_path / "passive_1 (1).jsonl").write_text(LINES)
    with pytest.raises(DataError, match=r"passive_1\.jsonl repeats a pair of .*passive_1 \(1\)\.jsonl \('Hij slaapt"):
        read_pairs(tmp_path)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.jsonl", LINES.encode("utf-16"), "not UTF-8 text but UTF-16"),
        ("x.jsonl", b"[" * 100_000, "line 1: broken JSON"),
        ("x.jsonl", b'{"sentence_good": "a \\ud800", "sentence_bad": "b"}', "holds half a character"),
        ("x.jsonl", b'{"sentence_good": "a", "sentence_bad": "b", "UID": "x\\u001b[2J"}', "'UID' is no name"),
        ("x.jsonl", b'{"sentence_good": "a", "sentence_bad": "b", "UID": ["x"]}', "'UID' is no name"),
        (
            "x.jsonl",
            b'{"good": "a", "worse": "b"}',
            "columns are 'good', 'worse'; name the right ones with --good-column",
        ),
        ("x.jsonl", b'{"items": [], "meta": {}}', "SyntaxGym suite"),
        ("x.jsonl.gz", gzip.compress(LINES.encode(), mtime=0)[:30], "cannot read"),
        ("x.jsonl.gz", b"plain", "cannot read"),
        ("x.csv", b"sentence_good,sentence_bad\na,b,c\n", "more cells than the 2 headings"),
        ("x.csv", b'sentence_good,sentence_bad\n"a,b\n', "no table row"),
        ("x.tsv", b"sentence_good\tsentence_bad\na\n", "not a text in 'sentence_bad'"),
    ],
)
def test_unusable_files_end_in_one_line(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=message) as found:
        read_pairs(tmp_path)
    assert name in str(found.value)
    assert "\n" not in str(found.value)


def test_pipes_and_folders_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.jsonl")
    with pytest.raises(DataError, match=r"x\.jsonl is no file"):
        read_pairs(tmp_path)
    (tmp_path / "x.jsonl").unlink()
    (tmp_path / "x.jsonl").mkdir()
    with pytest.raises(DataError, match=r"x\.jsonl is a folder"):
        read_pairs(tmp_path)


def test_a_mistyped_folder_is_no_hub_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="no minimal pairs at data/bilmp"):
        read_pairs("data/bilmp")
