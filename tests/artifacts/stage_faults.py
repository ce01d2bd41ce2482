"""Stages that make artifacts, each built in two versions and killed while it replaces the first by the second.

    kills = kill_stage("mix", folder, kills=5, seed=1)

raises when a kill leaves an artifact that is neither the old one, nor the new one, nor absent, or when the stage, run once
more, does not end with the new one. The stages run as users run them, in a process of their own, on text that is ours.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from faults import Kill, kill_at_random_moments

from babyllama.artifacts import Manifest, recover_folder
from babyllama.config.sections import Config, DataSection, TokenizerSection
from babyllama.corpus.clean_files import clean_path
from babyllama.corpus.mixing import mix, overlap, round_robin  # noqa: F401  (imported by the stage itself otherwise, while it is timed)
from babyllama.dataset import packed_folder, prepare_dataset
from babyllama.synthetic import DEV_FOLDER, PAIRS_FOLDER, TRAIN_FOLDER, synthesize
from babyllama.tokenizer import build_tokenizer

OLD, NEW = "old", "new"


class Stage(ABC):
    """A stage at work in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def prepare(self) -> None:
        """What the stage reads; done once."""

    @abstractmethod
    def build(self, version: str) -> None:
        """Make or replace the artifacts in that version."""

    @abstractmethod
    def artifacts(self) -> Sequence[Path]:
        """Files and folders, each of which appears as a whole or not at all."""


class Synthesize(Stage):
    def prepare(self) -> None:
        pass

    def build(self, version: str) -> None:
        synthesize(self.folder, num_words=30_000, seed=1 if version == OLD else 2, pairs_per_paradigm=5)

    def artifacts(self) -> Sequence[Path]:
        return [self.folder / name for name in (TRAIN_FOLDER, DEV_FOLDER, PAIRS_FOLDER)]


class Clean(Stage):
    def prepare(self) -> None:
        for name in ("a", "b"):
            write_text(self.folder / "raw" / f"{name}.train", name, documents=3000)

    def build(self, version: str) -> None:
        domain = "none" if version == OLD else "dialogue"
        clean_path(str(self.folder / "raw"), self.folder / "cleaned", domain=domain, overwrite=True)

    def artifacts(self) -> Sequence[Path]:
        return [self.folder / "cleaned"]


class Mix(Stage):
    def prepare(self) -> None:
        for name in ("a", "b", "c"):
            write_text(self.folder / f"{name}.train", name, documents=3000)

    def build(self, version: str) -> None:
        budget = "900kB" if version == OLD else "1MB"
        sources = [{"path": f"{name}.train"} for name in ("a", "b", "c")]
        sections = {
            "data": {"train_path": str(self.folder / "mix")},
            "model": {"type": "Llama", "hidden_size": 8, "n_layer": 1, "n_head": 1},
            "mixing": {"root": str(self.folder), "sources": sources, "budget": budget, "dev_budget": "20kB"},
        }
        mix(Config.model_validate(sections))

    def artifacts(self) -> Sequence[Path]:
        return [self.folder / "mix"]


class Tokenizer(Stage):
    def prepare(self) -> None:
        write_text(self.folder / "a.train", "a", documents=3000)

    def build(self, version: str) -> None:
        text = self.folder / "a.train"
        section = TokenizerSection(vocab_size=300 if version == OLD else 400)
        build_tokenizer(lambda: iter([text.read_text()]), [text], section, self.folder / "t.json")

    def artifacts(self) -> Sequence[Path]:
        return [self.folder / "t.json", self.folder / "t"]


class Dataset(Stage):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.section = DataSection(
            tokenizer_path=str(folder / "t.json"),
            train_path=str(folder / "a.train"),
            packed_dir=str(folder / "packed"),
            packing="best_fit",
            seq_length=16,
        )

    def prepare(self) -> None:
        tokenizer = Tokenizer(self.folder)
        tokenizer.prepare()
        tokenizer.build(NEW)

    def build(self, version: str) -> None:
        text = self.folder / "a.train"
        documents = [*text.read_text().split("\n\n"), version]
        # The text that the manifest names has changed, so that what is there must be replaced.
        (self.folder / "version.train").write_text(version)
        files = [text, self.folder / "version.train"]
        prepare_dataset(lambda: iter(documents), files, self.section.tokenizer_path, self.section, split="train")

    def artifacts(self) -> Sequence[Path]:
        return [packed_folder(self.section, "train")]


STAGES: dict[str, type[Stage]] = {
    "synthesize": Synthesize,
    "clean": Clean,
    "mix": Mix,
    "tokenizer": Tokenizer,
    "dataset": Dataset,
}


def write_text(path: Path, name: str, documents: int) -> None:
    """Blank-line passages, about 200 characters each, none twice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    passages = (
        "\n".join(f"{name} {number} says that the dogs near cat {line * number % 97} sleep ." for line in range(4))
        for number in range(documents)
    )
    path.write_text("\n\n".join(passages))


def kill_stage(name: str, folder: Path, *, kills: int, seed: int) -> list[Kill]:
    """Kill the stage `name` at `kills` random moments while it replaces its old artifacts by new ones."""
    stage = STAGES[name](folder)
    stage.prepare()
    known: dict[str, list[dict[str, str]]] = {}
    for version in (OLD, NEW):
        stage.build(version)
        known[version] = [contents(path) for path in stage.artifacts()]
    assert all(old != new for old, new in zip(known[OLD], known[NEW], strict=True))

    def check() -> str:
        found = set()
        for number, path in enumerate(stage.artifacts()):
            content = contents(path)
            whole = [version for version in (OLD, NEW) if content == known[version][number]]
            if content and not whole:
                raise AssertionError(f"{path} is neither whole nor absent after a kill")
            found.add(whole[0] if whole else "none")
        stage.build(NEW)
        assert [contents(path) for path in stage.artifacts()] == known[NEW]
        return " and ".join(sorted(found))

    program = (
        f"import sys; sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]!r}\n"
        "from pathlib import Path\nfrom stage_faults import NEW, STAGES\n"
        f"stage = STAGES[{name!r}](Path({str(folder)!r}))\n"
        "print('working', flush=True)\nstage.build(NEW)"
    )
    return kill_at_random_moments(program, kills=kills, seed=seed, prepare=lambda: stage.build(OLD), check=check)


def contents(path: Path) -> dict[str, str]:
    """File -> hash of its bytes, below `path` as a later stage would find it; manifests must be readable.

    Hidden files are left out: what a killed process had not yet renamed into place, which the next write removes.
    """
    if path.suffix:
        return {path.name: _hash(path)} if path.exists() else {}
    recover_folder(path)
    if not path.exists():
        return {}
    assert Manifest.read(path) is not None
    names = {
        file.relative_to(path): file for file in path.rglob("*") if file.is_file() and file.name != "manifest.json"
    }
    return {str(name): _hash(file) for name, file in names.items() if not any(part[0] == "." for part in name.parts)}


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
