"""What a run folder tells about a run; the only reader of its files for plots, cards and tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from babyllama.artifacts import RunPaths, read_json
from babyllama.config import Config, load_config
from babyllama.errors import RunError
from babyllama.training.rows_file import read_rows


@dataclass(frozen=True)
class RunFacts:
    """The contents of a run folder; parts that do not exist yet are empty."""

    paths: RunPaths
    config: Config
    run: dict[str, Any]
    metrics: dict[str, Any]
    losses: list[dict[str, float | None]]
    """Rows of losses.csv; an empty cell is None."""
    evaluations: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name of an evaluation (blimp, blimp_synthetic, perplexity, ...) -> its results."""

    @property
    def name(self) -> str:
        """The run's name."""
        return self.config.model.name

    @property
    def minimal_pairs(self) -> dict[str, dict[str, Any]]:
        """The evaluations on minimal pairs."""
        return {name: found for name, found in self.evaluations.items() if "paradigms" in found}

    @property
    def perplexities(self) -> dict[str, dict[str, Any]]:
        """The evaluations of perplexity: `perplexity` on the run's own held-out text, `perplexity_...` on others."""
        return {name: found for name, found in self.evaluations.items() if "bits_per_byte" in found}


def read_run(paths: RunPaths) -> RunFacts:
    """Everything in the run folder; RunError when it is not a run."""
    if not paths.config.is_file():
        raise RunError(f"{paths.root} is not a run folder: it has no {paths.config.name}.")
    import babyllama.architectures  # noqa: F401  (its families register themselves for the configuration check)

    evaluations = {}
    for file in sorted(paths.evaluation.glob("*.json")) if paths.evaluation.is_dir() else []:
        found = read_json(file)
        if isinstance(found, dict):
            evaluations[file.stem] = found
    return RunFacts(
        paths,
        load_config(paths.config),
        read_json(paths.run) if paths.run.is_file() else {},
        read_json(paths.metrics) if paths.metrics.is_file() else {},
        [{name: float(cell) if cell else None for name, cell in row.items()} for row in read_rows(paths.losses)],
        evaluations,
    )


def pair_set_title(name: str, found: dict[str, Any]) -> str:
    """What the pairs of the evaluation `name` are called in public: BLiMP only when they are all of it."""
    title = found.get("set", name)
    if title == "blimp":
        title = "BLiMP"
    if not found.get("subset", title == "BLiMP"):
        return title
    pairs = sum(row["n"] for row in found["paradigms"].values())
    return f"{title}, {pairs:,} of {found['set_size']:,} pairs" if "set_size" in found else f"{title}, {pairs:,} pairs"
