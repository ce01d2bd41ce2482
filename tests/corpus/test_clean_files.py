"""Cleaning files: counts by rule, documents written, nothing left where it fails."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from babyllama.cli import main
from babyllama.corpus.clean_files import changes, clean_path
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
