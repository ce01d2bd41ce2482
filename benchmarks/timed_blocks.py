"""What rows of benchmarks/training.py and benchmarks/objectives.py have in common: random blocks, and settings."""

from __future__ import annotations

import argparse
import itertools
import time
from typing import Any

import numpy as np


class TimedBlocks:
    """Random packed blocks that remember when each was read: the first reads of two steps are one step apart."""

    def __init__(self, count: int, length: int, vocabulary: int, per_step: int) -> None:
        rng = np.random.default_rng(0)
        self.count, self.length, self.per_step = count, length, per_step
        # Zipf-like ids, and a document of 200 tokens on average, as in the BabyLM mixes.
        ids = 3 + (rng.zipf(1.2, size=count * length) % (vocabulary - 3))
        starts = np.flatnonzero(rng.random(count * length) < 1 / 200)
        ids[starts] = 1
        self.ids = ids.reshape(count, length).astype(np.int64)
        self.times: list[float] = []

    def __len__(self) -> int:
        return self.count

    @property
    def content(self) -> dict[str, str]:
        from babyllama.artifacts import fingerprint_bytes

        return {"text": fingerprint_bytes(self.ids.tobytes())}

    def block(self, index: int, offset: int = 0, documents: int = 0) -> dict[str, Any]:
        self.times.append(time.perf_counter())
        ids = self.ids[index % self.count]
        place = np.arange(self.length)
        restarts = np.where(ids == 1, place, 0)
        positions = place - np.maximum.accumulate(restarts)
        counts = {"words": self.length * 3 // 4, "tokens": self.length}
        return {"input_ids": ids, "labels": ids, "position_ids": positions, **counts}

    def __getitem__(self, index: int) -> dict[str, Any]:
        import torch

        row = self.block(index)
        return {name: torch.from_numpy(row[name]) for name in ("input_ids", "labels")}

    def epoch_order(self, epoch: int, seed: int) -> np.ndarray:
        return np.arange(self.count)

    def epoch_documents(self, epoch: int, seed: int) -> int:
        return 0

    def epoch_offset(self, epoch: int, seed: int) -> int:
        return 0

    def check(self, **facts: Any) -> None:
        """Made for this model: fits."""

    def step_seconds(self) -> list[float]:
        """Wall time of each step but the last, from first read to first read."""
        first_reads = self.times[:: self.per_step]
        return [after - before for before, after in itertools.pairwise(first_reads)]


def shared_overrides(arguments: argparse.Namespace, *, compiled: bool) -> list[str]:
    """Settings of every row: so many steps of one micro-batch, and nothing beside them."""
    return [f"training.device={arguments.device}", f"training.batch_size={arguments.micro_batch}",
            "training.gradient_accumulation_steps=1", "training.effective_batch_size=null",
            f"training.max_steps={arguments.steps}", "training.logging_steps=1000000",
            f"training.torch_compile={'true' if compiled else 'false'}", "logging.wandb=false",
            "training.save_steps=1000000", "training.gradient_checkpointing=false"]  # fmt: skip
