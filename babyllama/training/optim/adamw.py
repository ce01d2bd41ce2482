"""AdamW (Loshchilov and Hutter 2019): decoupled weight decay on matrices, never on norms and biases."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer

from babyllama.config import Config
from babyllama.training.optim.groups import ParameterGroups


def build_adamw(model: nn.Module, config: Config) -> Optimizer:
    """AdamW at `training.lr` for all parameters."""
    groups = ParameterGroups.of(model)
    return adamw(groups.other_matrices + groups.hidden_matrices, groups.vectors, config)


def adamw(matrices: list[nn.Parameter], vectors: list[nn.Parameter], config: Config) -> AdamW:
    """AdamW over two groups; the one that decays comes first."""
    section = config.optimization
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": section.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return AdamW(
        groups,
        lr=config.training.lr,
        betas=(section.adam_beta1, section.adam_beta2),
        eps=section.adam_epsilon,
        # One kernel over all parameters; on CPU it is deterministic too.
        fused=groups[0]["params"][0].device.type in ("cpu", "cuda"),
    )
