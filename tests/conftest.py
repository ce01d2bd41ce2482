"""Fixtures shared by all rooms: every test builds its own tiny world below `tmp_path`."""

import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, however busy the machine; `--hypothesis-profile=default` looks for new ones.
settings.register_profile("fixed", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fixed")

# A shell starts its background jobs with Ctrl-C ignored and `nohup` ignores a hang-up; what tests start inherits both.
for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, default)

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture
def repository() -> Path:
    """The checkout the tests run in."""
    return REPOSITORY


@pytest.fixture
def shared_data() -> Path:
    """Real text and BLiMP pairs beside the checkout; tests that want them are skipped where they are not."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real text in ../shared/data")
    return folder


SENTENCES = ["The cat sees a dog.", "A small bird sings, and the dog sleeps.", "One day the children went home."]


@pytest.fixture
def small_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a text of 40 documents; the process works beside it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "text"
    folder.mkdir()
    documents = [f"{SENTENCES[number % 3]} {SENTENCES[number % 2]}" for number in range(40)]
    (folder / "a.train").write_text("\n<|endoftext|>\n".join(documents) + "\n")
    return folder


@pytest.fixture
def small_tokenizer(small_text: Path) -> Any:
    """A tokenizer of that text, saved as tok.json."""
    import babyllama

    return babyllama.train_bpe_tokenizer(small_text, "tok.json", vocab_size=300)
