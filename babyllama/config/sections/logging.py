"""Where results go and who is told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from babyllama.config.types import FilePath, Section, Text


class LoggingSection(Section):
    """Where results go and who is told."""

    output_dir: FilePath = "./models/"
    """Folder of run folders."""
    wandb: bool = False
    """Report to Weights & Biases; without a login it records offline."""
    project: Text = "babyllama"
    """Project name for trackers."""
    tags: list[Text] = Field(default_factory=list)
    """Tags for trackers, beside `babyllama` and the architecture."""
    report_to: list[Literal["wandb", "trackio", "tensorboard"]] = Field(default_factory=list)
    """Further trackers; losses.csv is always written, and no tracker ever stops a run."""
