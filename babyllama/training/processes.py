"""How many processes train together, as their launcher (torchrun, accelerate, SLURM) tells each of them."""

from __future__ import annotations

import os


def process_count() -> int:
    """Processes of the run, over all nodes."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def process_index() -> int:
    """Number of this process, from 0."""
    return int(os.environ.get("RANK") or 0)
