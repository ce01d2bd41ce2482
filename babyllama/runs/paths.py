"""The names inside a run folder `models/<name>/`; the only place where they are spelled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_STEP = re.compile(r"checkpoint-(\d+)")
_WORDS = re.compile(r"chck_(\d+)([kMB])")
_UNITS = {"k": 10**3, "M": 10**6, "B": 10**9}


@dataclass(frozen=True)
class RunPaths:
    """The names inside a run folder."""

    root: Path

    @property
    def lock(self) -> Path:
        """The owner, while a process trains here."""
        return self.root / ".lock"

    @property
    def final(self) -> Path:
        """Hugging Face model + fast tokenizer + README.md: what one would upload."""
        return self.root / "final"

    @property
    def tokenizer(self) -> Path:
        """The tokenizer the run is trained with, from the first step on."""
        return self.root / "tokenizer"

    @property
    def checkpoints(self) -> Path:
        """Trainer checkpoints and the words-seen checkpoints `chck_1M` ..."""
        return self.root / "checkpoints"

    def checkpoint(self, step: int) -> Path:
        """The Trainer checkpoint of an optimizer step."""
        return self.checkpoints / f"checkpoint-{step}"

    def words_checkpoint(self, count: int, unit: str = "M") -> Path:
        """The model after `count` million (thousand, billion) words; its name is that of the branch on the Hub."""
        return self.checkpoints / f"chck_{count}{unit}"

    @property
    def best(self) -> Path:
        """The model with the lowest held-out loss so far (`training.keep_best`)."""
        return self.checkpoints / "best"

    @property
    def config(self) -> Path:
        """The resolved configuration; running it again repeats the run."""
        return self.root / "training_config.yaml"

    @property
    def metrics(self) -> Path:
        """Results of training as one JSON object."""
        return self.root / "training_metrics.json"

    @property
    def record(self) -> Path:
        """Versions, seed, device, fingerprints and command line."""
        return self.root / "run.json"

    @property
    def losses(self) -> Path:
        """step, epoch, tokens_seen, words_seen, train_loss, eval_loss, learning_rate, tokens_per_second."""
        return self.root / "losses.csv"

    def curve(self, task: str) -> Path:
        """Scores of a task that is measured while the run trains."""
        return self.root / f"{task}_curve.csv"

    @property
    def token_counts(self) -> Path:
        """How often each token id occurs in the training text: the unigram model a run is measured against."""
        return self.root / "token_counts.npy"

    @property
    def evaluation(self) -> Path:
        """blimp.json, blimp.csv, blimp_predictions.jsonl, perplexity.json, generation.json ..."""
        return self.root / "evaluation"

    def checkpoint_evaluation(self, name: str) -> Path:
        """The results of a checkpoint."""
        return self.evaluation / "checkpoints" / name

    @property
    def plots(self) -> Path:
        """Pictures drawn from the run folder alone."""
        return self.root / "plots"

    @property
    def card(self) -> Path:
        """The model card; final/README.md is the same text."""
        return self.root / "modelcard.md"

    @property
    def published_card(self) -> Path:
        """The model card beside the model, where the Hub looks for it."""
        return self.final / "README.md"

    @property
    def publish(self) -> Path:
        """What the published page says, where it is no longer what the configuration said: a configuration over that file."""
        return self.root / "publish.yaml"

    @property
    def report(self) -> Path:
        """The page on the run that `quickstart` ends with; `babyllama report` writes where it is told to."""
        return self.root / "report.html"

    @property
    def siblings(self) -> Path:
        """The runs that this one was compared with, as paths that start here."""
        return self.root / "siblings.json"

    @property
    def is_run(self) -> bool:
        """Does the folder say that it is a run?"""
        return self.config.exists() or self.record.exists()


def step_of(folder: Path) -> int | None:
    """The optimizer step of a folder named like a Trainer checkpoint; None for any other."""
    match = _STEP.fullmatch(folder.name)
    return int(match[1]) if match else None


def words_of(folder: Path) -> int | None:
    """The words seen of a folder named like a words-seen checkpoint (`chck_10M`, whoever saved it); None for any other."""
    match = _WORDS.fullmatch(folder.name)
    return int(match[1]) * _UNITS[match[2]] if match else None


def checkpoints_by_step(folder: Path) -> list[tuple[int, Path]]:
    """(step, path) of everything named like a Trainer checkpoint below `folder`, oldest first; whole or not."""
    if not folder.is_dir():
        return []
    found = [(step_of(path), path) for path in folder.iterdir() if path.is_dir()]
    return sorted((step, path) for step, path in found if step is not None)
