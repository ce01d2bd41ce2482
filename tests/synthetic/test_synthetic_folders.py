"""The folders of the synthetic corpus: deterministic, reused, never over other people's text, never half."""

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from babyllama.cli import main
from babyllama.corpus.reading import is_synthetic, read_documents
from babyllama.errors import DataError
from babyllama.synthetic import DEV_FOLDER, PAIRS_FOLDER, TRAIN_FOLDER, synthesize

pytestmark = pytest.mark.integration
FOLDERS = (TRAIN_FOLDER, DEV_FOLDER, PAIRS_FOLDER)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A parent folder with 20,000 words of the simple language."""
    root = tmp_path_factory.mktemp("written")
    synthesize(root, num_words=20_000, complexity="simple", pairs_per_paradigm=10)
    return root


def contents(root: Path) -> dict[str, bytes]:
    files = sorted(file for file in root.rglob("*") if file.is_file() and file.name != "manifest.json")
    return {str(file.relative_to(root)): file.read_bytes() for file in files}


def test_the_same_arguments_give_the_same_bytes(written: Path, tmp_path: Path) -> None:
    """In another process too, where strings hash differently."""
    subprocess.run(script(tmp_path, 20_000), check=True, env={"PYTHONHASHSEED": "1"})
    assert contents(tmp_path) == contents(written)


def test_another_seed_gives_another_text(written: Path, tmp_path: Path) -> None:
    synthesize(tmp_path, num_words=20_000, complexity="simple", seed=1, pairs_per_paradigm=10)
    assert contents(tmp_path).keys() == contents(written).keys()
    assert all(contents(tmp_path)[name] != text for name, text in contents(written).items())


def test_a_corpus_begins_like_a_larger_one(written: Path, tmp_path: Path) -> None:
    small = synthesize(tmp_path, num_words=500, complexity="simple", pairs_per_paradigm=10)
    assert small.words <= 500
    start = small.train.read_text().removesuffix("\n")
    assert (written / TRAIN_FOLDER / "synthetic.train").read_text().startswith(start)


@pytest.mark.parametrize("words", [1, 3, 40])
def test_tiny_corpora(words: int, tmp_path: Path) -> None:
    report = synthesize(tmp_path, num_words=words, complexity="simple", pairs_per_paradigm=10)
    text = report.train.read_text()
    assert report.documents == report.dev_documents == 1
    assert report.words == len(text.split())
    assert text.count(".") == 1 if words < 5 else report.words <= words
    assert text.endswith(".\n")


def test_other_rooms_read_it_as_synthetic_documents(written: Path) -> None:
    report = synthesize(written, num_words=20_000, complexity="simple", pairs_per_paradigm=10)
    documents = list(read_documents([report.train]))
    assert len(documents) == report.documents
    assert sum(len(document.split()) for document in documents) == report.words
    assert is_synthetic([report.train])
    assert is_synthetic([report.dev])


def test_what_is_up_to_date_is_kept(written: Path) -> None:
    report = synthesize(written, num_words=20_000, complexity="simple", pairs_per_paradigm=10)
    assert report.reused


def test_only_what_is_stale_is_written_again(tmp_path: Path) -> None:
    synthesize(tmp_path, num_words=3000, complexity="simple", pairs_per_paradigm=10)
    again = synthesize(tmp_path, num_words=5000, complexity="simple", pairs_per_paradigm=10)
    assert again.written == {TRAIN_FOLDER: "changed setting: num_words 3000 -> 5000"}
    (tmp_path / DEV_FOLDER / "synthetic.dev").write_text("damaged")
    assert synthesize(tmp_path, num_words=5000, complexity="simple", pairs_per_paradigm=10).written.keys() == {
        DEV_FOLDER
    }
    (tmp_path / PAIRS_FOLDER / "transitive.jsonl").unlink()
    assert synthesize(tmp_path, num_words=5000, complexity="simple", pairs_per_paradigm=10).written.keys() == {
        PAIRS_FOLDER
    }
    assert synthesize(tmp_path, num_words=5000, complexity="simple", pairs_per_paradigm=10).reused


@pytest.mark.parametrize("folder", FOLDERS)
def test_other_peoples_text_stays(folder: str, tmp_path: Path) -> None:
    mine = tmp_path / folder / "gutenberg.train"
    mine.parent.mkdir()
    mine.write_text("My own text.")
    with pytest.raises(DataError, match=rf"{folder} holds files that were not made here .*gutenberg.*--output-dir"):
        synthesize(tmp_path, num_words=1000)
    assert contents(tmp_path) == {f"{folder}/gutenberg.train": b"My own text."}


def test_other_peoples_text_beside_ours_stays(tmp_path: Path) -> None:
    synthesize(tmp_path, num_words=1000, complexity="simple", pairs_per_paradigm=10)
    (tmp_path / TRAIN_FOLDER / "mine.train").write_text("My own text.")
    before = contents(tmp_path)
    with pytest.raises(DataError, match=r"mine\.train"):
        synthesize(tmp_path, num_words=2000, complexity="simple", pairs_per_paradigm=10)
    assert contents(tmp_path) == before


def test_an_empty_folder_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / TRAIN_FOLDER).mkdir()
    assert synthesize(tmp_path, num_words=1000, complexity="simple", pairs_per_paradigm=10).train.is_file()


def script(root: Path, num_words: int) -> list[str]:
    call = "from babyllama.synthetic import synthesize; import sys"
    call += f"; synthesize(sys.argv[1], num_words={num_words}, complexity='simple', pairs_per_paradigm=10)"
    return [sys.executable, "-c", call, str(root)]


def test_a_full_disk_leaves_nothing_half(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: the pairs fit, the text does not."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    result = subprocess.run(script(tmp_path, 100_000), preexec_fn=limit, capture_output=True, text=True)
    assert "File too large" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_command_leaves_nothing_behind(stop: signal.Signals, tmp_path: Path, repository: Path) -> None:
    root = tmp_path / "new" / "data"
    command = ["create_synthetic_data.py", "--num-tokens", "1e9", "--complexity", "simple", "--output-dir", str(root)]
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=repository,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 600
    while not list(root.glob(f".tmp-{TRAIN_FOLDER}-*/synthetic.train")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(stop)
    assert process.communicate(timeout=600)[1].endswith("interrupted\n")
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_a_kill_leaves_nothing_half(tmp_path: Path) -> None:
    process = subprocess.Popen(script(tmp_path, 10**9))
    deadline = time.monotonic() + 600
    while not list(tmp_path.glob(f".tmp-{TRAIN_FOLDER}-*/synthetic.train")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert list(tmp_path.glob(".tmp-*"))
    assert not (tmp_path / TRAIN_FOLDER).exists()
    assert synthesize(tmp_path, num_words=1000, complexity="simple", pairs_per_paradigm=10).train.is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num-tokens", "0"], "at least 1, not 0"),
        (["--num-tokens=-5"], "at least 1, not -5"),
        (["--complexity", "baroque"], "choose simple, medium, rich"),
    ],
)
def test_bad_arguments(arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["synthesize", *arguments, "--output-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["synthesize", "--output-dir", str(tmp_path / "file" / "data"), "--num-tokens", "1000"]) == 2
    assert "cannot create" in capsys.readouterr().err


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["synthesize", "--num_tokens", "2,000", "--complexity", "simple", "--output-dir", str(tmp_path)]
    assert main(command) == 0
    output = capsys.readouterr()
    for folder in FOLDERS:
        assert str(tmp_path / folder) in output.out
        assert f"wrote {tmp_path / folder}" in output.err
    assert f"train_tokenizer.py --data-dir {tmp_path / TRAIN_FOLDER}" in output.out
    assert main(command) == 0
    assert "up to date" in capsys.readouterr().err
