"""Parameters sorted by how they are updated, and the hyper-parameters of an optimizer's groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class ParameterGroups:
    """Trainable parameters by how they are updated. A parameter shared by two layers appears once."""

    hidden_matrices: list[nn.Parameter]
    """2-D weights between embedding and output layer."""
    other_matrices: list[nn.Parameter]
    """Embeddings and output layer."""
    vectors: list[nn.Parameter]
    """Norms and biases: never decayed."""

    @classmethod
    def of(cls, model: nn.Module) -> ParameterGroups:
        """Sort the parameters of `model` (a Hugging Face causal model, wrapped or not)."""
        ends: set[int] = set()
        for module in model.modules():
            if isinstance(module, nn.Embedding):
                ends.add(id(module.weight))
        get_head = getattr(model, "get_output_embeddings", None)
        head = get_head() if get_head is not None else None
        if head is not None:
            ends.add(id(head.weight))
        groups = cls([], [], [])
        for parameter in model.parameters():
            if not parameter.requires_grad:
                continue
            if parameter.ndim < 2:
                groups.vectors.append(parameter)
            elif parameter.ndim == 2 and id(parameter) not in ends:
                groups.hidden_matrices.append(parameter)
            else:
                groups.other_matrices.append(parameter)
        return groups


Settings = list[dict[str, Any]]
"""Per parameter group its hyper-parameters: learning rate, weight decay, betas, ..."""


def group_settings(optimizer: torch.optim.Optimizer) -> Settings:
    """The hyper-parameters of every group of a fresh optimizer under its schedule."""
    return [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]


def put_settings(optimizer: torch.optim.Optimizer, scheduler: Any, settings: Settings) -> None:
    """Give a resumed optimizer the hyper-parameters of the configuration, and the rate its schedule has for this step.

    A checkpoint carries the ones it was made with; what counts is what the configuration says now.
    """
    scheduler.base_lrs = [group["initial_lr"] for group in settings]
    rates = [
        rate * factor(scheduler.last_epoch)
        for rate, factor in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
    ]
    for group, setting, rate in zip(optimizer.param_groups, settings, rates, strict=True):
        group.update(setting)
        group["lr"] = rate
    scheduler._last_lr = rates
