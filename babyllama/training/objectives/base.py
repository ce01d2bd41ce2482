"""What the trainer asks of an objective: blocks -> batch, batch -> loss sums over target tokens.

Everything that is peculiar to one way of learning lives behind this interface; the trainer, the compilation, the search
for a micro-batch and the records know no more. A batch is a dict of tensors for the model's forward pass, with the entry
`counts`: whole numbers that the trainer adds up over the micro-batches and devices of a step.

Shapes: B rows, T tokens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from babyllama.training.network import Batch, Network, Sums

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from babyllama.config import Config
    from babyllama.training.data.batch_plan import BatchPlan
    from babyllama.training.data.blocks import Blocks
    from babyllama.training.machine import Machine

Row = Mapping[str, Any]
"""A block as `PackedDataset.block` gives it, and under `key` where it stands: a `babyllama.training.data.blocks.BlockKey`."""
Collator = Callable[[Sequence[Row]], Batch]

TARGETS, TOKENS, WORDS = "targets", "tokens", "words"
"""Counts that every batch has: target tokens, tokens read (padding not), whitespace-separated words read."""


class Objective(ABC):
    """One way of learning from blocks of tokens."""

    parts: ClassVar[Mapping[str, str]] = {}
    """Further columns of losses.csv -> the count whose targets each is the mean over."""
    hides_tokens: ClassVar[bool] = False
    """Whether it hides tokens behind the tokenizer's mask token, in rows that are read in both directions."""

    @classmethod
    @abstractmethod
    def build(cls, config: Config, tokenizer: PreTrainedTokenizerFast) -> Objective:
        """The objective that `config` describes. ConfigError or TokenizerError for what it cannot do."""

    @classmethod
    def inputs(cls, config: Config) -> dict[str, str]:
        """Name -> fingerprint of what is learned from beside the text (teachers), before anything is built.

        Raises what a user can mend: a teacher that is not there.
        """
        return {}

    def prepare(self, model: PreTrainedModel, machine: Machine, blocks: Blocks) -> None:
        """Called once before training on `blocks`: bring what the objective itself holds (a teacher) to the device."""

    def begin(self, plan: BatchPlan, total_steps: int) -> None:
        """Called once the arithmetic of the run is known, before the first batch."""

    @abstractmethod
    def collator(self, *, training: bool) -> Collator:
        """Rows -> batch; runs in the loader's processes, so it must be picklable. Held-out batches are always causal."""

    @abstractmethod
    def sums(self, network: Network, batch: Batch) -> Sums:
        """Loss sums of a batch (without its counts); called inside the model's forward pass, under its autocast."""

    @abstractmethod
    def example(self, size: int, length: int, vocabulary: int, device: torch.device) -> Batch:
        """A batch as large as any of `size` rows of `length` tokens, for measuring memory and time."""

    def compile(self) -> None:
        """Compile what is costly in the loss, from the next call on."""

    def facts(self) -> dict[str, Any]:
        """What a reader of the run must know about the objective (teachers, shares), for run.json: rows of the card."""
        return {}


def stack(rows: Sequence[Row], key: str) -> Tensor:
    """[B, T] int64 of one entry of all rows."""
    return torch.from_numpy(np.stack([np.asarray(row[key]) for row in rows]).astype(np.int64, copy=False))
