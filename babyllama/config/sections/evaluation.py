"""What is evaluated at the end of training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from babyllama.config.types import Count, FilePath, Optional_, Section


class EvaluationSection(Section):
    """What `train` evaluates when training has ended."""

    tasks: list[Literal["perplexity", "blimp", "generation"]] = Field(default_factory=list)
    """Evaluations run at the end of training; empty leaves them to `evaluate`."""
    blimp_data: Annotated[FilePath | None, Optional_] = None
    """Folder of minimal-pair files; null is data/blimp, else data/blimp_synthetic."""
    protocol: Literal["lm-eval", "babylm-2024", "babylm-2025", "babylm-2026", "minicons"] = "lm-eval"
    """Whose way of scoring minimal pairs (see docs/evaluation.md)."""
    pairs_per_paradigm: Annotated[Count | None, Optional_] = None
    """Score a seeded subset; null scores all pairs."""
