"""Which blocks make up which optimizer step: computed from the step's number, so a run resumes without replaying.

    one optimizer step = micro-batch B x accumulation A x devices W sequences

The order of an epoch is a permutation computed from (epoch, seed), of its blocks and if wished of its documents; step s takes the blocks order[s * B*A*W : ...].
The blocks of a step do not depend on how B, A and W share the work, so 32 x 1, 16 x 2 and two devices with 16 x 1 see
the same data in the same steps. The last step of an epoch holds what is left and is averaged over what it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset

from babyllama.dataset.packed import IGNORED
from babyllama.training.data.batch_plan import BatchPlan
from babyllama.training.data.blocks import BlockKey, Blocks
from babyllama.training.network import Batch
from babyllama.training.objectives.base import Collator


class EpochBatches:
    """Batch sampler of one device: for each micro-batch the blocks that the device reads.

    A device that gets no block of the last, short micro-batch reads one block whose labels are ignored (index -1), so
    that all devices make the same number of forward passes.
    """

    def __init__(self, blocks: Blocks, plan: BatchPlan, seed: int, rank: int = 0) -> None:
        self.blocks, self.plan, self.seed, self.rank = blocks, plan, seed, rank
        self.epoch = 0

    @property
    def batch_sampler(self) -> EpochBatches:
        """Where the Trainer looks for `set_epoch`, with or without skipped batches around it."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration goes through."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.plan.micro_batches_per_epoch

    def __iter__(self) -> Iterator[list[BlockKey]]:
        order = np.asarray(self.blocks.epoch_order(self.epoch, self.seed))
        layout = (
            int(self.blocks.epoch_offset(self.epoch, self.seed)),
            self.blocks.epoch_documents(self.epoch, self.seed),
        )
        width = self.plan.micro_batch * self.plan.devices
        for start in range(0, len(order), width):
            places = range(start, min(start + width, len(order)))[self.rank :: self.plan.devices]
            keys = [BlockKey(self.epoch, place, int(order[place]), *layout) for place in places]
            yield keys or [BlockKey(self.epoch, start, -1, *layout)]


class TrainingBlocks(Dataset):
    """Blocks by their key."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks

    def __len__(self) -> int:
        return len(self.blocks)

    def __getitem__(self, key: BlockKey) -> dict[str, Any]:
        if key.block >= 0:
            return {**self.blocks.block(key.block, key.offset, key.documents), "key": key}
        empty = dict(self.blocks.block(0, 0))
        labels = np.full_like(np.asarray(empty["labels"]), IGNORED)
        return {**empty, "labels": labels, "words": 0, "tokens": 0, "key": key}


def training_loader(
    blocks: Blocks, plan: BatchPlan, collate: Collator, *, seed: int, rank: int, workers: int, pin_memory: bool
) -> DataLoader:
    """The training micro-batches of one device, epoch by epoch."""
    return DataLoader(
        TrainingBlocks(blocks),
        batch_sampler=EpochBatches(blocks, plan, seed, rank),  # type: ignore[arg-type]
        collate_fn=collate,
        num_workers=workers,
        pin_memory=pin_memory,
    )


def evaluation_batches(
    blocks: Blocks, indices: Sequence[int], collate: Collator, *, micro_batch: int, rank: int, devices: int
) -> Iterator[Batch]:
    """The held-out micro-batches of one device; together the devices read each block of `indices` once."""
    mine = list(indices)[rank::devices]
    for start in range(0, len(mine), micro_batch):
        yield collate([blocks.block(index, 0) for index in mine[start : start + micro_batch]])
