"""How many processes train together, as their launcher (torchrun, accelerate, SLURM) tells each of them."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


PATIENCE = timedelta(hours=6)
"""How long processes wait for each other: the first one packs a large corpus alone while the others wait."""


def process_count() -> int:
    """Processes of the run, over all nodes."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def process_index() -> int:
    """Number of this process, from 0."""
    return int(os.environ.get("RANK") or 0)


def join_processes(device: torch.device) -> int:
    """Connect to the other processes, if a launcher started any; returns how many there are."""
    count = process_count()
    if count > 1:
        from accelerate import PartialState

        backend = "gloo" if device.type == "cpu" else None
        PartialState(cpu=device.type == "cpu", backend=backend, timeout=PATIENCE)
    return count


def wait_for_everyone() -> None:
    """Go on when every process has come this far; `join_processes` must have connected them."""
    if process_count() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()
