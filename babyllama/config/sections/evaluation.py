"""What is evaluated at the end of training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from babyllama.config.types import Count, FilePath, Optional_, Section, Seed, Text


class EvaluationSection(Section):
    """What `train` evaluates when training has ended."""

    tasks: list[Text] = Field(default_factory=list)
    """Evaluations run at the end of training (`babyllama evaluate --list-tasks` lists them); empty leaves them to `evaluate`."""
    blimp_data: Annotated[FilePath | None, Optional_] = None
    """Folder of minimal-pair files; null is data/blimp, else data/blimp_synthetic."""
    protocol: Text = "lm-eval"
    """Whose way of scoring minimal pairs (see docs/evaluation.md)."""
    pairs_per_paradigm: Annotated[Count | None, Optional_] = None
    """Score a seeded subset; null scores all pairs."""
    seed: Annotated[Seed | None, Optional_] = None
    """Draws subsets, ties and samples; null takes `training.seed`, in a study its first seed, so that all runs have the same items."""
    curve_tasks: list[Text] = Field(default_factory=list)
    """Evaluations measured while the run trains, each into `<task>_curve.csv`; minimal pairs on 20 of each paradigm."""
    curve_every_words: Count = 1_000_000
    """Words seen between two measurements of `curve_tasks`."""
