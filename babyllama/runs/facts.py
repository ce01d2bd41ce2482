"""What a run folder tells about a run; the only reader of its files for plots, cards and tables."""

from __future__ import annotations

from dataclasses import dataclass, field

from babyllama import console
from babyllama.config import Config
from babyllama.errors import RunError
from babyllama.runs.metrics import TrainingMetrics
from babyllama.runs.paths import RunPaths
from babyllama.runs.publication import with_publication
from babyllama.runs.record import RunRecord
from babyllama.runs.results import StoredResult, load_results
from babyllama.runs.rows import Columns, read_columns
from babyllama.runs.run import Run


@dataclass(frozen=True)
class RunFacts:
    """The contents of a run folder, each part checked against what was written; parts that are not there are empty."""

    paths: RunPaths
    config: Config
    record: RunRecord | None
    metrics: TrainingMetrics | None
    losses: Columns
    """losses.csv; {} where there is none."""
    results: list[StoredResult] = field(default_factory=list)
    """Results of the final model."""
    checkpoint_results: list[StoredResult] = field(default_factory=list)
    """Results of its checkpoints."""

    @property
    def name(self) -> str:
        """The run's name."""
        return self.config.model.name

    @property
    def synthetic(self) -> bool:
        """Whether the training text is generated."""
        return self.record is not None and self.record.synthetic


def read_run(paths: RunPaths) -> RunFacts:
    """Everything in the run folder; RunError when it is not a run, or when a file in it is not as it was written."""
    if not paths.config.is_file():
        raise RunError(f"{paths.root} is not a run folder: it has no {paths.config.name}.")
    if (paths.root / "config.json").is_file():
        raise RunError(f"{paths.root} is a model folder, not a run folder; name the run, which is the folder above it.")
    run = Run(paths.root)
    record = run.record if paths.record.exists() else None
    metrics = run.metrics if paths.metrics.exists() else None
    if metrics is not None:
        metrics.check_losses(paths)
    elif paths.final.is_dir():
        console.warn(
            f"{paths.root}: {paths.metrics.name} is missing; plots and card go without what it says. Training the run "
            "again with --resume_from_checkpoint writes it."
        )
    folders = sorted(paths.checkpoint_evaluation("x").parent.glob("*"))
    return RunFacts(
        paths=paths,
        config=with_publication(run.config, paths),
        record=record,
        metrics=metrics,
        losses=read_columns(paths.losses),
        results=load_results(paths.evaluation),
        checkpoint_results=[result for folder in folders for result in load_results(folder)],
    )
