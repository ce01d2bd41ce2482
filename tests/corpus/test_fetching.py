"""`babyllama fetch` against a Hub on this machine: whole, broken off, wrong, out of reach."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hub_stand_in import Hub, serve
from pyarrow import parquet

from babyllama.cli import main
from babyllama.corpus.fetching import CATALOG, hint
from babyllama.corpus.reading import corpus_files
from babyllama.errors import DataError
from babyllama.evaluation.pairs import read_pairs

pytestmark = pytest.mark.integration

SMALL, DEV = (part.repository for part in CATALOG.get("babylm-strict-small").parts)
WIKI = b"The llama is an animal.\n" * 200
TALK = b"*CHI: more milk .\n" * 3


def table() -> bytes:
    stream = io.BytesIO()
    rows = {"sentence_good": ["She sleeps."], "sentence_bad": ["She sleep."], "UID": ["agreement"], "pair_id": [0]}
    parquet.write_table(pa.table(rows), stream)
    return stream.getvalue()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    files = {
        SMALL: {"simple_wiki.train.txt": WIKI, "childes.train.txt": TALK, "README.md": b"#", ".gitattributes": b""},
        DEV: {"simple_wiki.dev": b"A bird sings.\n"},
        "nyu-mll/blimp": {"agreement/train-00000-of-00001.parquet": table(), "README.md": b"#"},
    }
    with serve(Hub(files, {SMALL: "cc-by-4.0"})) as hub:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
        monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 500)
        yield hub


def test_a_corpus_comes_whole_with_licence_size_and_what_to_do_next(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch", "babylm-strict-small"]) == 0
    said = capsys.readouterr()
    assert said.out.split() == ["data/babylm/train", "data/babylm/dev"]
    assert f"{SMALL}: 2 files, 5 kB, licence: cc-by-4.0" in said.err
    assert f"licence: none stated; see https://huggingface.co/datasets/{DEV}" in said.err
    assert "next:  babyllama clean data/babylm/train data/babylm_10M_clean" in said.err
    assert Path("data/babylm/train/simple_wiki.train").read_bytes() == WIKI
    assert sorted(path.name for path in Path("data/babylm/train").iterdir() if path.name[0] != ".") == [
        "childes.train",
        "simple_wiki.train",
    ]


def test_what_is_here_is_kept_without_asking_the_hub(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    main(["fetch", "babylm-strict-small"])
    hub.asked.clear()
    assert main(["fetch", "babylm-strict-small"]) == 0
    assert hub.asked == []
    assert "data/babylm/train: up to date" in capsys.readouterr().err
    Path("data/babylm/dev/simple_wiki.dev").unlink()
    assert main(["fetch", "babylm-strict-small"]) == 0
    assert [name for name, _ in hub.asked] == ["simple_wiki.dev"]


def test_after_a_break_the_rest_is_fetched(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.break_after["simple_wiki.train.txt"] = [2000, 0]
    assert main(["fetch", "babylm-strict-small"]) == 2
    assert "`babyllama fetch babylm-strict-small` again later; it goes on where it stopped" in capsys.readouterr().err
    assert not Path("data/babylm/train/simple_wiki.train").exists()
    hub.asked.clear()
    assert main(["fetch", "babylm-strict-small"]) == 0
    assert ("simple_wiki.train.txt", "bytes=2000-") in hub.asked
    assert "going on after 2 kB" in capsys.readouterr().err
    assert Path("data/babylm/train/simple_wiki.train").read_bytes() == WIKI


def test_a_connection_that_drops_is_taken_up_again(hub: Hub) -> None:
    hub.break_after["simple_wiki.train.txt"] = [1000]
    assert main(["fetch", "babylm-strict-small"]) == 0
    assert ("simple_wiki.train.txt", "bytes=1000-") in hub.asked


@pytest.mark.parametrize(("name", "content"), [("simple_wiki.train.txt", WIKI), ("childes.train.txt", TALK)])
def test_a_wrong_checksum_is_thrown_away(
    hub: Hub, capsys: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    hub.sent_instead[name] = content.swapcase()
    assert main(["fetch", "babylm-strict-small"]) == 2
    assert f"{name} of https://huggingface.co/datasets/{SMALL} came with another checksum" in capsys.readouterr().err
    assert not Path("data/babylm/train", name.removesuffix(".txt")).exists()
    hub.sent_instead.clear()
    assert main(["fetch", "babylm-strict-small"]) == 0


def test_files_of_ones_own_are_not_replaced(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    mine = Path("data/babylm/train/childes.train")
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert main(["fetch", "babylm-strict-small"]) == 2
    assert "data/babylm/train/childes.train is there and is not what" in capsys.readouterr().err
    assert (mine.read_text(), hub.asked) == ("mine", [])
    assert main(["fetch", "babylm-strict-small", "--overwrite"]) == 0
    assert mine.read_bytes() == TALK


def test_a_newer_revision_replaces_what_was_fetched(hub: Hub) -> None:
    main(["fetch", "babylm-strict-small"])
    hub.revision, hub.files[DEV] = "b" * 40, {"simple_wiki.dev": b"Two birds sing.\n"}
    assert main(["fetch", "babylm-strict-small", "--overwrite"]) == 0
    assert Path("data/babylm/dev/simple_wiki.dev").read_text() == "Two birds sing.\n"


def test_blimp_becomes_files_that_evaluation_reads(hub: Hub) -> None:
    assert main(["fetch", "blimp"]) == 0
    rows = [json.loads(line) for line in Path("data/blimp/agreement.jsonl").read_text().splitlines()]
    assert rows[0]["sentence_good"] == "She sleeps."
    assert [pair.bad for pair in read_pairs("data/blimp").pairs] == ["She sleep."]


def test_a_file_that_leads_out_of_its_folder_is_refused(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.files[DEV] = {"a/../../x.dev": b"x"}
    assert main(["fetch", "babylm-strict-small"]) == 2
    assert "leads out of the folder" in capsys.readouterr().err


def test_a_data_set_that_is_gone_is_one_line(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    del hub.files[DEV]
    assert main(["fetch", "babylm-strict-small"]) == 2
    assert f"the Hub gives no data set at https://huggingface.co/datasets/{DEV}" in capsys.readouterr().err


def test_offline_it_says_so_at_once(
    hub: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert main(["fetch", "tinystories"]) == 2
    assert "offline: HF_HUB_OFFLINE is set" in capsys.readouterr().err
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # where nobody listens
    assert main(["fetch", "tinystories"]) == 2
    said = capsys.readouterr().err
    assert "the Hub is out of reach" in said
    assert "https://huggingface.co/datasets/roneneldan/TinyStories" in said


def test_an_unknown_name_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "tinystory"]) == 2
    assert "did you mean 'tinystories'" in capsys.readouterr().err
    assert main(["fetch", "--list"]) == 0
    listed = capsys.readouterr().out
    assert [name for name in CATALOG if f"{name}\n" not in listed] == []


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("data/babylm/train/childes.train", "`babyllama fetch babylm-strict-small`."),
        ("./data/babylm_10M_clean", "`babyllama clean data/babylm/train data/babylm_10M_clean`."),
        ("data/babylm_dev_clean", "`babyllama clean data/babylm/dev data/babylm_dev_clean`."),
        ("data/babylm_100M_clean", "`babyllama fetch babylm-strict`;"),
        ("data/tinystories/TinyStories-train.txt", "`babyllama fetch tinystories`."),
    ],
)
def test_missing_text_says_where_it_is_and_what_brings_it(path: str, command: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        corpus_files(tmp_path / path, key="data.train_path")
    assert "https://huggingface.co/datasets/" in str(caught.value)
    assert command in str(caught.value)


def test_missing_pairs_say_what_brings_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"huggingface\.co/datasets/nyu-mll/blimp: `babyllama fetch blimp`"):
        read_pairs("data/blimp")
    assert hint("my/own/text.txt") == ""
