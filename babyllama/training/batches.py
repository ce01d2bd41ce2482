"""Which blocks make up which optimizer step: computed from the step's number, so a run resumes without replaying.

    one optimizer step = micro-batch B x accumulation A x devices W sequences

The order of an epoch is a permutation computed from (epoch, seed); step s takes the blocks order[s * B*A*W : ...].
The blocks of a step do not depend on how B, A and W share the work, so 32 x 1, 16 x 2 and two devices with 16 x 1 see
the same data in the same steps. The last step of an epoch holds what is left and is averaged over what it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from babyllama.dataset.packed import IGNORED
from babyllama.training.batch_plan import BatchPlan


class Blocks(Protocol):
    """What training asks of a packed dataset (babyllama.dataset.PackedDataset)."""

    def __len__(self) -> int: ...

    def block(self, index: int, offset: int = 0) -> dict[str, Any]: ...

    def epoch_order(self, epoch: int, seed: int) -> Any: ...

    def epoch_offset(self, epoch: int, seed: int) -> int: ...

    def check(self, *, model_vocab_size: int | None = None) -> None: ...


class EpochBatches:
    """Batch sampler of one device: for each micro-batch the (block, offset) pairs that the device reads.

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

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = np.asarray(self.blocks.epoch_order(self.epoch, self.seed))
        offset = int(self.blocks.epoch_offset(self.epoch, self.seed))
        width = self.plan.micro_batch * self.plan.devices
        for start in range(0, len(order), width):
            mine = order[start : start + width][self.rank :: self.plan.devices]
            yield [(int(index), offset) for index in mine] or [(-1, offset)]


class TrainingBlocks(Dataset):
    """Blocks by (index, offset); index -1 is a block without targets."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks

    def __len__(self) -> int:
        return len(self.blocks)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        index, offset = key
        if index >= 0:
            return self.blocks.block(index, offset)
        empty = dict(self.blocks.block(0, 0))
        return {**empty, "labels": np.full_like(np.asarray(empty["labels"]), IGNORED), "words": 0}


@dataclass(frozen=True)
class Collate:
    """Blocks -> one micro-batch: input_ids, labels [B, T], document_ids [B, T] where documents meet, and counts."""

    document_attention: bool = True

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        input_ids = _stack(rows, "input_ids")
        labels = _stack(rows, "labels")
        batch: dict[str, Any] = {
            "input_ids": input_ids,
            "labels": labels,
            "targets": int((labels[:, 1:] != IGNORED).sum()),
            "tokens": int((labels != IGNORED).sum()),
            "words": sum(int(row["words"]) for row in rows),
        }
        if self.document_attention:
            positions = _stack(rows, "position_ids")
            restarts = positions[:, 1:] != positions[:, :-1] + 1
            # Without a boundary in the batch, plain causal attention is the same and has the faster kernel.
            if bool(restarts.any()):
                document_ids = torch.zeros_like(positions)
                document_ids[:, 1:] = restarts.cumsum(-1)
                batch["position_ids"] = positions
                batch["document_ids"] = document_ids
        return batch


def _stack(rows: Sequence[dict[str, Any]], key: str) -> torch.Tensor:
    return torch.from_numpy(np.stack([np.asarray(row[key]) for row in rows]).astype(np.int64, copy=False))


def training_loader(
    blocks: Blocks, plan: BatchPlan, *, seed: int, rank: int, document_attention: bool, workers: int, pin_memory: bool
) -> DataLoader:
    """The training micro-batches of one device, epoch by epoch."""
    return DataLoader(
        TrainingBlocks(blocks),
        batch_sampler=EpochBatches(blocks, plan, seed, rank),  # type: ignore[arg-type]
        collate_fn=Collate(document_attention),
        num_workers=workers,
        pin_memory=pin_memory,
    )


def evaluation_batches(
    blocks: Blocks, indices: Sequence[int], *, micro_batch: int, rank: int, devices: int, document_attention: bool
) -> Iterator[dict[str, Any]]:
    """The held-out micro-batches of one device; together the devices read each block of `indices` once."""
    collate = Collate(document_attention)
    mine = list(indices)[rank::devices]
    for start in range(0, len(mine), micro_batch):
        yield collate([blocks.block(index, 0) for index in mine[start : start + micro_batch]])
