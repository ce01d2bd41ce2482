"""The product as it is installed: wheel and source distribution, built here and used where no checkout is.

`make wheel-test` runs this; its name keeps it out of `make test`. Nothing is downloaded: the dependencies are those of the
environment the test runs in.
"""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
ALONE = ["--no-deps", "--no-build-isolation", "--no-index"]
TINY = """\
extends: llama-10M.yaml
model: {name: tiny, hidden_size: 32, intermediate_size: 64, n_layer: 1, n_head: 2}
training: {max_steps: 3, warmup_steps: 1, batch_size: 2, gradient_accumulation_steps: 1}
tokenizer: {vocab_size: 400}
data: {train_path: text.txt, eval_path: dev.txt, tokenizer_path: tokenizer.json, seq_length: 32}
"""


def run(*command: str | Path, cwd: Path) -> str:
    """The standard output of a command that must succeed; nothing of this process's checkout is on its path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked source distribution, built from a copy of what belongs to the checkout."""
    repository = Path(__file__).resolve().parent.parent
    folder = tmp_path_factory.mktemp("sdist")
    listed = run("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=repository).split("\0")
    for name in filter(None, listed):
        if (repository / name).is_file():
            copy = folder / "checkout" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((repository / name).read_bytes())
    build = "import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])"
    run(sys.executable, "-c", build, folder, cwd=folder / "checkout")
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    return next((folder / "unpacked").iterdir())


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution as package indexes do."""
    folder = tmp_path_factory.mktemp("wheel")
    run(*PIP, "wheel", *ALONE, "--wheel-dir", folder, sdist, cwd=folder)
    return next(folder.glob("*.whl"))


class Environment:
    """A new environment; `babyllama` is its console command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder, with_pip=False)
        self.python = folder / "bin" / "python"
        self.babyllama = folder / "bin" / "babyllama"

    def install(self, what: Path) -> None:
        run(*PIP, "--python", self.python, "install", *ALONE, what, cwd=self.folder)

    def share_dependencies(self) -> None:
        """Lets it import what the environment of this test has, without the packages that are installed there by links."""
        site = next((self.folder / "lib").glob("python*/site-packages"))
        (site / "shared.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the wheel in it, and the dependencies of this one."""
    environment = Environment(tmp_path_factory.mktemp("environment"))
    environment.install(wheel)
    environment.share_dependencies()
    return environment


def test_the_command_explains_itself_before_any_dependency_is_there(wheel: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "environment")
    environment.install(wheel)
    assert "usage: babyllama COMMAND" in run(environment.babyllama, "--help", cwd=tmp_path)


def test_a_plain_install_of_a_checkout_gives_the_command(sdist: Path, tmp_path: Path) -> None:
    """`pip install .`; what builds it is shared with this environment, since nothing is downloaded."""
    environment = Environment(tmp_path / "environment")
    environment.share_dependencies()
    environment.install(sdist)
    assert "usage: babyllama COMMAND" in run(environment.babyllama, "--help", cwd=tmp_path)
    assert run(environment.babyllama, "--version", cwd=tmp_path).startswith("babyllama ")


def test_the_wheel_holds_the_package_and_its_configurations_only(wheel: Path, sdist: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"babyllama", f"{sdist.name}.dist-info"}
    for file in (sdist / "babyllama").rglob("*.py"):
        assert file.relative_to(sdist).as_posix() in names
    for file in (sdist / "config").rglob("*.*"):
        assert f"babyllama/shipped/{file.relative_to(sdist / 'config').as_posix()}" in names


def test_the_page_of_a_package_index_has_no_link_that_leads_nowhere(wheel: Path, sdist: Path) -> None:
    page = message_from_bytes(zipfile.ZipFile(wheel).read(f"{sdist.name}.dist-info/METADATA"))
    text = page.get_payload()
    assert page["Description-Content-Type"] == "text/markdown"
    assert "# BabyLlama" in text
    assert [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("https://")] == []


def test_it_trains_and_evaluates_in_an_empty_folder(installed: Environment, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TINY)
    (tmp_path / "text.txt").write_text("The llama sleeps near the river.\n<|endoftext|>\n" * 60)
    (tmp_path / "dev.txt").write_text("Two children sing near the river.\n<|endoftext|>\n" * 10)
    assert "n_layer: 6" in run(installed.babyllama, "config", "show", "llama-10M", cwd=tmp_path)
    run(installed.babyllama, "train", "--config", "mine", cwd=tmp_path)
    command = [installed.babyllama, "evaluate", "models/tiny", "--tasks", "perplexity", "--json"]
    assert '"perplexity"' in run(*command, cwd=tmp_path)
    assert (tmp_path / "models" / "tiny" / "final" / "README.md").is_file()


def test_quickstart_runs_in_an_empty_folder(installed: Environment, tmp_path: Path) -> None:
    sizes = ["model.hidden_size=16", "model.intermediate_size=32", "model.n_layer=1", "model.n_head=2"]
    steps = ["training.max_steps=3", "training.warmup_steps=1", "tokenizer.vocab_size=400", "data.seq_length=32"]
    shown = run(installed.babyllama, "quickstart", "--num-tokens", "3000", *sizes, *steps, cwd=tmp_path)
    assert "models/quickstart: trained on synthetic text" in shown
    assert shown.endswith("models/quickstart/report.html\n")
    assert "<h1" in (tmp_path / "models" / "quickstart" / "report.html").read_text()


def test_the_source_distribution_passes_its_smoke_tests(sdist: Path) -> None:
    assert " passed" in run(sys.executable, "run_tests.py", "--smoke", cwd=sdist)
