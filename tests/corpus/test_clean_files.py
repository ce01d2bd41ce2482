"""Cleaning files: counts by rule, documents written, nothing left where it fails."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from babyllama.artifacts import Manifest
from babyllama.cli import main
from babyllama.corpus import clean_files
from babyllama.corpus.clean_files import CleanedFile, changes, clean_file, clean_path
from babyllama.corpus.reading import read_documents
from babyllama.errors import DataError, RunError


@pytest.mark.unit
def test_counts_by_rule_are_those_of_the_text(tmp_path):
    file = tmp_path / "childes.train"
    file.write_text("*CHI: yes [laughs] .\n*MOT: no.\n\n*CHI: xxx.\n")
    found = changes(file, sample=2)
    assert found.rules["speaker labels"].matches == 3
    assert found.rules["annotations"].matches == 1
    assert found.rules["unintelligible speech"].matches == 1
    assert (found.documents, found.lines) == (2, 3)
    assert ("*MOT: no.", "no.") in changes(file, sample=10).sample


@pytest.mark.unit
def test_clean_writes_documents_and_refuses_what_is_there(tmp_path, capsys):
    source = tmp_path / "in"
    source.mkdir()
    (source / "childes.train").write_text("*CHI: yes.\n\n*MOT: [laughs]\n\n*MOT: no.\n")
    (source / "simple_wiki.train").write_text("= = = A = = =\ntext\n= = = B = = =\nmore\n")
    assert main(["clean", str(source), str(tmp_path / "out")]) == 0
    assert list(read_documents([tmp_path / "out" / "childes.train"])) == ["yes.", "no."]
    assert list(read_documents([tmp_path / "out" / "simple_wiki.train"])) == ["A\ntext", "B\nmore"]
    assert "childes, 2 documents" in capsys.readouterr().out
    with pytest.raises(RunError, match="is there already"):
        clean_path(str(source), tmp_path / "out")
    with pytest.raises(RunError, match="holds the text"):
        clean_path(str(source), source, overwrite=True)
    clean_path(str(source / "childes.train"), tmp_path / "out" / "childes.train", domain="none", overwrite=True)
    assert "*CHI: yes." in (tmp_path / "out" / "childes.train").read_text()


@pytest.mark.unit
def test_diff_shows_a_sample_with_counts(tmp_path, capsys):
    file = tmp_path / "talk.txt"
    file.write_text("A: Yes .\n")
    assert main(["clean", "--diff", str(file), "--domain", "dialogue"]) == 0
    shown = capsys.readouterr().out
    assert "- A: Yes ." in shown
    assert "+ Yes." in shown
    assert re.search(r"speaker labels +1 +3", shown)
    assert main(["clean", "--diff", str(file), "--domain", "dialog"]) == 2
    assert "did you mean 'dialogue'" in capsys.readouterr().err
    assert main(["clean", str(file)]) == 2
    assert main(["clean", "--domains"]) == 0


@pytest.mark.unit
def test_a_cleaned_file_that_cannot_be_read_leaves_no_output(tmp_path: Path):
    (tmp_path / "a.txt").write_bytes(b"fine\n\n\xff")
    with pytest.raises(DataError, match="position 6"):
        clean_path(str(tmp_path / "a.txt"), tmp_path / "out.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.unit
@pytest.mark.parametrize(
    "names", [("a.txt", "a.jsonl"), ("a.train", "a.train.gz"), ("sub/a.txt", "sub/a.parquet"), ("a.txt", "A.txt")]
)
def test_files_that_would_be_written_onto_one_another_are_refused(tmp_path: Path, names: tuple[str, str]):
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text("text")
    with pytest.raises(DataError, match=r"(?i)a\.\w+.* and .*would both be written to (sub/)?a\.t"):
        clean_path(str(tmp_path / "in"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.unit
def test_the_manifest_names_files_by_their_place(tmp_path: Path):
    for name in ("one/a.txt", "two/a.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True)
        (tmp_path / "in" / name).write_text(name)
    for source, out in ((str(tmp_path / "in"), "out"), (str(tmp_path / "in" / "*" / "*.txt"), "globbed")):
        clean_path(source, tmp_path / out)
        manifest = Manifest.read(tmp_path / out)
        assert manifest is not None
        assert (
            set(manifest.inputs) == set(manifest.files) == set(manifest.outputs["texts"]) == {"one/a.txt", "two/a.txt"}
        )
        assert manifest.damage(tmp_path / out) is None


@pytest.mark.unit
def test_overwriting_replaces_what_cleaning_wrote_and_nothing_else(tmp_path: Path):
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "b.txt").write_text("text")
    clean_path(str(tmp_path / "*.txt"), tmp_path / "out")
    clean_path(str(tmp_path / "a*.txt"), tmp_path / "out", overwrite=True)
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"a.txt", "manifest.json"}
    (tmp_path / "out" / "mine.txt").write_text("my only copy")
    with pytest.raises(RunError, match=r"files that were not made here \(mine\.txt\)"):
        clean_path(str(tmp_path / "*.txt"), tmp_path / "out", overwrite=True)
    with pytest.raises(RunError, match="out is a folder"):
        clean_path(str(tmp_path / "a.txt"), tmp_path / "out", overwrite=True)


@pytest.mark.unit
def test_text_that_changes_while_it_is_cleaned_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("text")

    def changing(source: Path, *rest: Any, **keys: Any) -> CleanedFile:
        cleaned = clean_file(source, *rest, **keys)
        source.write_text("other text")
        return cleaned

    monkeypatch.setattr(clean_files, "clean_file", changing)
    with pytest.raises(DataError, match="the text changed while it was read"):
        clean_path(str(tmp_path / "in"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
