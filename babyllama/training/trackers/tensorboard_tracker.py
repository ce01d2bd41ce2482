"""TensorBoard: event files in `tensorboard/` of the run folder, or where `TENSORBOARD_LOGGING_DIR` says."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from babyllama import console
from babyllama.config.scalars import dump
from babyllama.evaluation.results import Table
from babyllama.text import markdown_table
from babyllama.training.trackers.base import About, Tracker


class TensorBoardTracker(Tracker):
    """One folder of event files; a run that goes on adds a file."""

    _writer: Any = None

    def start(self, about: About) -> None:
        """Configuration and tags as text."""
        from torch.utils.tensorboard import SummaryWriter

        folder = os.path.expanduser(os.environ.get("TENSORBOARD_LOGGING_DIR") or str(about.folder / "tensorboard"))
        self._writer = SummaryWriter(log_dir=folder)
        self._writer.add_text("run", f"{about.name} ({', '.join(about.tags)})")
        self._writer.add_text("configuration", "".join(f"    {line}\n" for line in dump(about.config).splitlines()))
        console.say(f"tensorboard: `tensorboard --logdir {folder}` shows it")

    def log(self, values: Mapping[str, float], step: int) -> None:
        """One scalar for each name, on disk at once."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def scores(self, numbers: Mapping[str, float], tables: Sequence[Table], step: int) -> None:
        """Numbers as scalars of the last step, tables as Markdown."""
        for name, value in numbers.items():
            self._writer.add_scalar(f"scores/{name}", value, step)
        for table in tables:
            self._writer.add_text(f"tables/{table.title}", markdown_table(["", *table.columns], table.rows), step)

    def finish(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
