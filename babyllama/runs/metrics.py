"""training_metrics.json: what a finished run reports of its training."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from babyllama import console
from babyllama.artifacts import damaged_file, file_facts, read_sealed, write_sealed
from babyllama.errors import DamagedFileError
from babyllama.runs.paths import RunPaths
from babyllama.runs.record import from_values


@dataclass(frozen=True)
class TrainingMetrics:
    """What training_metrics.json holds."""

    train_loss: float | None
    """Mean cross-entropy per target token (nats) over the steps of the last row of losses.csv."""
    eval_loss: float | None
    """Block loss of the shipped model on the held-out sample, in nats per target token."""
    perplexity: float | None
    """exp(eval_loss). `evaluate` gives the exact perplexity by document."""
    steps: int
    epochs: float
    """Passes over the training text, as in the last row of losses.csv."""
    tokens_seen: int
    words_seen: int
    training_time: float
    """Seconds of wall time over all sessions of the run, evaluations and checkpoints included."""
    tokens_per_second: float
    """Tokens per second of training steps, all devices together."""
    peak_share: float | None
    """Share of the devices' peak matrix speed in this precision (MFU); None for runs under a minute."""
    peak_memory_bytes: int
    parameters: int
    micro_batch: int
    accumulation: int
    precision: str
    compiled: bool
    device: str
    devices: int
    resumed_from_step: int | None
    """Step of the checkpoint this session began with."""
    flops_per_token: int | None = None
    """Operations of training per token, by the model's size; None in files of older versions."""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Facts of the curves that training wrote."""

    @classmethod
    def load(cls, paths: RunPaths) -> TrainingMetrics:
        """The metrics of a finished run; `DamagedFileError` when they are not as they were written."""
        return from_values(cls, read_sealed(paths.metrics), paths.metrics)

    def save(self, paths: RunPaths) -> None:
        """Write training_metrics.json, and with it what losses.csv held when training ended."""
        names = [file.name for file in (paths.losses, *paths.root.glob(paths.curve("*").name)) if file.is_file()]
        write_sealed(paths.metrics, {**asdict(self), "files": file_facts(paths.root, names)})

    def check_losses(self, paths: RunPaths) -> None:
        """`DamagedFileError` when a curve that is there is not what training wrote; one that is not there is said."""
        for name in sorted(self.files):
            if not (paths.root / name).exists():
                console.warn(f"{paths.root}: {name} is missing; plots and card go without it.")
        problem = self.damaged_curve(paths)
        if problem:
            raise DamagedFileError(problem)

    def damaged_curve(self, paths: RunPaths) -> str | None:
        """What is wrong with a curve that is there, in words; None when each is what training wrote."""
        there = {name: facts for name, facts in self.files.items() if (paths.root / name).exists()}
        problem = damaged_file(paths.root, there)
        if problem is None:
            return None
        return f"{paths.root} is damaged: {problem}. Put the file back from a copy, or train the run again with --overwrite."
