"""Raw sources: where documents begin, records, Hub data sets, sizes that must not matter."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from babyllama.config.sections import MixingSection, SourceSection
from babyllama.corpus.mixing.sources import Source, resolve_sources
from babyllama.corpus.reading.decoding import BLOCK
from babyllama.corpus.reading.documents import MAX_DOCUMENT
from babyllama.corpus.reading.splitting import split_file
from babyllama.errors import DataError

pytestmark = pytest.mark.unit

WIKI = "continued from before.\n= = = Cat = = =\nThe cat.\nIt purrs.\n= = = Dog = = =\nThe dog.\n\nfrom another place"
CHAT = "no mark. = = = childes/Eng/a.cha = = =\n*CHI: one.\n*MOT: two. = = = childes/Eng/b.cha = = =\n*CHI: three.\n\n\n*CHI: four."


@pytest.mark.parametrize(
    ("domain", "text", "documents"),
    [
        ("simple_wiki", WIKI, ["continued from before.", "= = = Cat = = =\nThe cat.\nIt purrs.", "= = = Dog = = =\nThe dog.", "from another place"]),
        ("wikipedia", " = Cat = \n\n The cat . \n\n = = Legs = = \n\n Four . \n\n = Dog = \n\n The dog . ", [" = Cat = \n\n The cat . \n\n = = Legs = = \n\n Four . \n", " = Dog = \n\n The dog . "]),
        ("childes", CHAT, ["no mark. ", "\n*CHI: one.\n*MOT: two. ", "\n*CHI: three.", "*CHI: four."]),
        ("gutenberg", "End. = = = PG12 = = = TITLE\nChapter", ["End. ", " TITLE\nChapter"]),
        ("cbt", "End .\n_BOOK_TITLE_ : A.txt.out\nStart .", ["End .\n", "\nStart ."]),
        ("default", "one\ntwo\n\nthree\n \t\nfour\r\n\r\nfive", ["one\ntwo", "three", "four", "five"]),
        ("default", "A story.\n\nGoes on.\n<|endoftext|>\nAnother.\n<|endoftext|>\n", ["A story.\n\nGoes on.", "Another."]),
        ("default", "<|endoftext|>\nFirst.\n<|endoftext|>", ["First."]),
        ("none", "", []),
        ("aochildes", "hi .\nyou .", ["hi .\nyou ."]),
    ],
)  # fmt: skip
def test_where_documents_begin(tmp_path, domain, text, documents):
    file = tmp_path / "a.train"
    file.write_bytes(text.encode())
    parts = list(split_file(file, domain))
    assert [part.text.strip("\n") for part in parts] == [document.strip("\n") for document in documents]
    assert not any(part.continues for part in parts)


@pytest.mark.parametrize("domain", ["default", "simple_wiki"])
def test_boundaries_between_blocks_are_seen(tmp_path, domain):
    mark = "\n\n" if domain == "default" else "\n= = = T = = =\n"
    documents = [f"{number} " + "x" * (4000 + 37 * (number % 50)) for number in range(600)]
    file = tmp_path / "a.train"
    file.write_text(mark.join(documents))
    assert file.stat().st_size > 2 * BLOCK
    found = [part.text.strip().removeprefix("= = = T = = =\n") for part in split_file(file, domain)]
    assert found == documents


def test_a_document_without_end_comes_in_parts_that_lose_nothing(tmp_path):
    lines = [f"*CHI: utterance number {number}." for number in range(100_000)] + ["y" * 1_500_000]
    file = tmp_path / "childes.train"
    file.write_text("\n".join(lines) + "\n\nnext")
    *parts, last = split_file(file, "childes")
    assert last.text == "next"
    assert not last.continues
    assert [part.continues for part in parts] == [False] + [True] * (len(parts) - 1)
    assert max(len(part.text) for part in parts) <= MAX_DOCUMENT + BLOCK
    assert len(parts) >= 4
    assert "".join(part.text for part in parts).replace("\n", "") == "".join(lines)


def source(root: Path, /, **section: object) -> Source:
    """The source that one section names."""
    (found,) = resolve_sources(MixingSection(root=str(root), sources=[SourceSection(**section)]))
    return found


def test_records_and_files_of_a_folder_each_with_their_domain(tmp_path):
    (tmp_path / "childes.train.gz").write_bytes(gzip.compress(b"*CHI: hi."))
    (tmp_path / "notes.jsonl").write_text("\n".join(json.dumps({"body": text}) for text in ["a\n\nb", "", "c"]))
    pyarrow.parquet.write_table(pyarrow.table({"body": ["row"]}), tmp_path / "simple_wiki.parquet")
    found = source(tmp_path, path=".", column="body")
    assert [(part.text, part.domain) for part in found.parts()] == [
        ("\n*CHI: hi.", "childes"),
        ("a\n\nb", "default"),
        ("c", "default"),
        ("row", "simple_wiki"),
    ]
    assert found.domains == ("childes", "default", "simple_wiki")


def test_a_separator_inside_a_record_splits_it(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "one\n<|endoftext|>\ntwo"}))
    assert [part.text.strip() for part in source(tmp_path, path="a.jsonl").parts()] == ["one", "two"]


def test_a_bare_stem_finds_its_file_below_the_root(tmp_path):
    (tmp_path / "train_10M").mkdir()
    (tmp_path / "dev").mkdir()
    (tmp_path / "train_10M" / "childes.train").write_text("a")
    (tmp_path / "dev" / "childes.dev").write_text("b")
    assert source(tmp_path, path="childes").files == (tmp_path / "train_10M" / "childes.train",)
    mixing = MixingSection(
        root=str(tmp_path), sources=[SourceSection(path="x")], dev_sources=[SourceSection(path="childes")]
    )
    assert resolve_sources(mixing, dev=True)[0].files == (tmp_path / "dev" / "childes.dev",)
    (tmp_path / "childes.train").write_text("c")
    with pytest.raises(DataError, match="'childes' could be"):
        source(tmp_path, path="childes")


def test_globs_name_sources_too(tmp_path):
    for name in ("a.train", "b.train", "c.dev"):
        (tmp_path / name).write_text(name)
    assert len(source(tmp_path, path="*.train").files) == 2


def test_a_hub_data_set_is_streamed_by_rows(tmp_path, monkeypatch):
    """A local folder stands in for the Hub: `datasets` loads both by the same call."""
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "train.jsonl").write_text("\n".join(json.dumps({"text": f"row {n}", "n": n}) for n in range(3)))
    found = source(tmp_path, hub=str(folder), domain="none")
    assert found.name == "set"
    assert [part.text for part in found.parts()] == ["row 0", "row 1", "row 2"]
    first = found.fingerprint()
    (folder / "train.jsonl").write_text('{"text": "other"}')
    assert found.fingerprint() != first
    with pytest.raises(DataError, match=r"row 0: no text under 'body' \(the record has: 'text'\)"):
        list(source(tmp_path, hub=str(folder), column="body").parts())
    with pytest.raises(DataError, match=r"cannot read Hub data set .*'gone'"):
        list(source(tmp_path, hub=str(folder), split="gone").parts())
    with pytest.raises(DataError, match="'n' holds a number, not text"):
        (folder / "train.jsonl").write_text('{"text": "x", "n": 3}')
        list(source(tmp_path, hub=str(folder), column="n").parts())


def test_a_hub_name_that_cannot_be_reached_is_one_clear_error(tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    found = source(tmp_path, hub="nobody/nothing")
    with pytest.raises(DataError, match="cannot read Hub data set 'nobody/nothing', split 'train'"):
        list(found.parts())
    # Offline, a mix made before is still known by what its manifest recorded.
    assert found.fingerprint("sha256:known") == "sha256:known"


def test_a_connection_that_breaks_leaves_what_the_manifest_knew(tmp_path, monkeypatch):
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError

    def broken(*_: object, **__: object) -> None:
        raise HTTPError("connection refused")

    monkeypatch.setattr(HfApi, "dataset_info", broken)
    assert source(tmp_path, hub="nobody/nothing").fingerprint("sha256:known") == "sha256:known"


def test_sections_that_make_no_sense_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"sources\[0\]\.path .*holds no text"):
        source(tmp_path, path=".")


MEMORY = """
import resource, sys
from pathlib import Path
sys.path[:0] = {tests!r}
from test_mixing import config
from babyllama.corpus.mixing import overlap
from babyllama.corpus.mixing import mix
import numpy, pyarrow
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
report = mix(config(Path({root!r}), "long"))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, report.bytes)
"""


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("shape", ["one line with spaces", "one line without spaces", "one document"])
def test_a_huge_line_or_document_is_mixed_in_little_memory(tmp_path, shape):
    """16 MB in one line, as a stand-in for 500 MB: the reader's blocks are 1 MB, whatever the line."""
    unit = {"one line with spaces": "word ", "one line without spaces": "x" * 10, "one document": "a line of text\n"}[
        shape
    ]
    size = 16_000_000 // len(unit)
    with (tmp_path / "long.train").open("w") as handle:
        for _ in range(100):
            handle.write(unit * (size // 100))
    code = MEMORY.format(tests=[str(Path(__file__).parent), str(Path(__file__).parent.parent)], root=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    megabytes, mixed = map(int, done.stdout.split())
    assert megabytes < 45
    assert mixed > 0.9 * 16_000_000 * (0.98 if "spaces" in shape else 1)
