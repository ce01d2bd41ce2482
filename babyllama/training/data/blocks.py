"""What training reads: blocks of tokens, and where each of them stands in the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np


class Blocks(Protocol):
    """What training asks of a packed dataset (babyllama.dataset.PackedDataset)."""

    num_words: int

    @property
    def content(self) -> dict[str, str]:
        """Fingerprints of what the blocks hold: the same where every block is."""
        ...

    def __len__(self) -> int: ...

    def block(self, index: int, offset: int = 0, documents: int = 0) -> dict[str, Any]: ...

    def epoch_order(self, epoch: int, seed: int) -> np.ndarray: ...

    def epoch_offset(self, epoch: int, seed: int) -> int: ...

    def epoch_documents(self, epoch: int, seed: int) -> int: ...

    def check(self, *, model_vocab_size: int | None = None) -> None: ...


@dataclass(frozen=True)
class HeldOut:
    """The held-out blocks that are evaluated on."""

    blocks: Blocks
    indices: list[int]


class BlockKey(NamedTuple):
    """A block and where it stands in the run, so that what is drawn for it does not depend on who reads it when."""

    epoch: int
    place: int
    """Its place in the order of the epoch."""
    block: int
    """Its index; -1 is one without targets."""
    offset: int
    """By how many tokens the blocks of the epoch are shifted."""
    documents: int = 0
    """What the order of the epoch's documents is known by; 0 is the order of the text."""
