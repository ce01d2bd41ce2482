"""Which rows of logits exist at once, seen by every operation of torch."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class LogitRows(TorchDispatchMode):
    """Notes in `sizes` how many rows every tensor has whose last side is the vocabulary, while it is entered."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.sizes: list[int] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        leaves = torch.utils._pytree.tree_leaves(result)
        self.sizes += [x.shape[0] for x in leaves if isinstance(x, torch.Tensor) and x.shape[-1:] == (self.vocabulary,)]
        return result
