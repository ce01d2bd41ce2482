"""The names inside a run folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunPaths:
    """The names inside a run folder `models/<name>/`; the only place where they are spelled."""

    root: Path

    @property
    def final(self) -> Path:
        """Hugging Face model + fast tokenizer + README.md: what one would upload."""
        return self.root / "final"

    @property
    def checkpoints(self) -> Path:
        """Trainer checkpoints and the words-seen checkpoints `chck_1M` ..."""
        return self.root / "checkpoints"

    @property
    def config(self) -> Path:
        """The resolved configuration; running it again repeats the run."""
        return self.root / "training_config.yaml"

    @property
    def metrics(self) -> Path:
        """Results of training as one JSON object."""
        return self.root / "training_metrics.json"

    @property
    def run(self) -> Path:
        """Versions, seed, device, fingerprints and command line."""
        return self.root / "run.json"

    @property
    def losses(self) -> Path:
        """step, epoch, tokens_seen, words_seen, train_loss, eval_loss, learning_rate, tokens_per_second."""
        return self.root / "losses.csv"

    @property
    def token_counts(self) -> Path:
        """How often each token id occurs in the training text: the unigram model a run is measured against."""
        return self.root / "token_counts.npy"

    @property
    def evaluation(self) -> Path:
        """blimp.json, blimp.csv, blimp_predictions.jsonl, perplexity.json, generation.json ..."""
        return self.root / "evaluation"

    @property
    def plots(self) -> Path:
        """Pictures drawn from the run folder alone."""
        return self.root / "plots"

    @property
    def card(self) -> Path:
        """The model card; final/README.md is the same text."""
        return self.root / "modelcard.md"
