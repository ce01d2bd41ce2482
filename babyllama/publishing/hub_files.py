"""Which files of a run go to the Hub, by branch: the finished model to `main`, each words-seen checkpoint to its own."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from babyllama.artifacts import MANIFEST_NAME, Manifest
from babyllama.corpus.fetching.hub import checksum
from babyllama.errors import CheckpointError, RunError
from babyllama.reporting.card import PLOT, card_text, checkpoint_card
from babyllama.runs import Run, RunFacts, locate_model, read_run
from babyllama.runs.paths import words_of

MAIN = "main"
CARD = "README.md"
OWN = "training_config.yaml"
"""The file by which a repository is known to hold this run: it does not change once training has begun."""


@dataclass(frozen=True)
class Upload:
    """One file as it shall lie in the repository."""

    name: str
    content: Path | bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    def _blocks(self) -> Iterator[bytes]:
        with io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb") as stream:
            while block := stream.read(1 << 20):
                yield block

    @cached_property
    def sha256(self) -> str:
        """What large-file storage knows it by."""
        return checksum(self._blocks(), self.size, large=True)

    @cached_property
    def git_sha1(self) -> str:
        """What git knows it by."""
        return checksum(self._blocks(), self.size, large=False)


@dataclass(frozen=True)
class Branch:
    """What shall lie on one branch."""

    name: str
    files: list[Upload]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.size for file in self.files)


def branches_of(run: Run, repo_id: str, *, revisions: bool) -> list[Branch]:
    """The branches of `run` in the order they are pushed: checkpoints by words seen, `main` last.

    RunError when the run has no whole finished model; CheckpointError when a checkpoint is damaged, or when `revisions`
    asks for checkpoints and there are none.
    """
    locate_model(run.root)
    problem = run.final_damage()
    if problem:
        raise RunError(
            f"{run} is damaged: {problem}. Train it again (train makes it from the newest checkpoint), then push."
        )
    facts = read_run(run.paths)
    checkpoints = _checkpoints(run, facts, repo_id) if revisions else []
    return [*checkpoints, Branch(MAIN, _finished(run, facts, repo_id))]


def _finished(run: Run, facts: RunFacts, repo_id: str) -> list[Upload]:
    files = {name: run.paths.final / name for name in _names(run.paths.final)}
    beside = [
        run.paths.config,
        run.root / PLOT,
        run.paths.losses,
        run.paths.metrics,
        *sorted(run.paths.evaluation.glob("*.json")),
    ]
    files |= {path.relative_to(run.root).as_posix(): path for path in beside if path.is_file()}
    card = card_text(facts, place=repo_id).encode()
    return [Upload(CARD, card), *(Upload(name, path) for name, path in sorted(files.items()) if name != CARD)]


def _checkpoints(run: Run, facts: RunFacts, repo_id: str) -> list[Branch]:
    folders = [(words, path) for path in run.paths.checkpoints.glob("chck_*") if (words := words_of(path)) is not None]
    if not folders:
        raise CheckpointError(
            f"--revisions: {run} has no checkpoints by words seen (chck_1M ...); training.word_checkpoints saves them."
        )
    found = []
    for words, folder in sorted(folders):
        manifest = Manifest.read(folder)
        problem = f"it has no readable {MANIFEST_NAME}" if manifest is None else manifest.damage(folder)
        if problem:
            raise CheckpointError(f"{folder} is damaged: {problem}. Remove it, or put it back from a copy.")
        seen = locate_model(folder).words_seen or words
        card = checkpoint_card(facts, folder.name, seen, repo_id).encode()
        files = {name: folder / name for name in _names(folder)} | {OWN: run.paths.config}
        uploads = [Upload(name, path) for name, path in sorted(files.items()) if name != CARD]
        found.append(Branch(folder.name, [Upload(CARD, card), *uploads]))
    return found


def _names(folder: Path) -> list[str]:
    """Files of a model folder that a reader has use for, by their path in it."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if name != MANIFEST_NAME and not name.startswith("."))
