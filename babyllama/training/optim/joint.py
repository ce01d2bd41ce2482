"""Several optimizers as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer


class JointOptimizer(Optimizer):
    """Several optimizers over disjoint parameters, seen as one by schedulers, gradient scaling and checkpoints."""

    def __init__(self, parts: list[Optimizer]) -> None:
        self.parts = parts
        super().__init__([{"params": list(group["params"])} for part in parts for group in part.param_groups], {})
        self._link()

    def _link(self) -> None:
        """Share the parts' group dictionaries, so that a scheduler's new learning rate reaches the part."""
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step of every part."""
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """The parts' states, in order."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._link()
