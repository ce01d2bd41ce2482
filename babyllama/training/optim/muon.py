"""Muon for the hidden matrices, with AdamW for everything else."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from babyllama.architectures import Layout, family
from babyllama.config import Config
from babyllama.device import has_fast_bf16
from babyllama.errors import ConfigError
from babyllama.training.optim.adamw import adamw
from babyllama.training.optim.groups import ParameterGroups
from babyllama.training.optim.joint import JointOptimizer


def build_muon(model: nn.Module, config: Config) -> Optimizer:
    """Muon at `optimization.muon_lr` for the 2-D hidden matrices, AdamW at `training.lr` for the rest."""
    section = config.optimization
    groups = ParameterGroups.of(model)
    layouts = family(config.model.type).layouts(model)
    maps = [parameter for parameter in groups.hidden_matrices if id(parameter) in layouts]
    others = [parameter for parameter in groups.hidden_matrices if id(parameter) not in layouts]
    if not maps:
        raise ConfigError("optimization.optimizer = 'muon': this model has no hidden matrices; use adamw.")
    muon = Muon(
        maps,
        lr=section.muon_lr,
        momentum=section.muon_momentum,
        weight_decay=section.weight_decay,
        layouts=layouts,
    )
    return JointOptimizer([muon, adamw(others + groups.other_matrices, groups.vectors, config)])


class Muon(torch.optim.Muon):
    """torch's Muon (Jordan et al. 2024), with the orthogonalisation batched over matrices of one shape.

    torch orthogonalises matrix by matrix and always in bf16, which CPUs without bf16 units only emulate; here the
    format is fp32 there. Fused query-key-value matrices are orthogonalised part by part, and matrices stored as
    [in, out] count their rows and columns the right way round in the learning rate's factor sqrt(max(1, out / in)).
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        momentum: float,
        weight_decay: float,
        layouts: dict[int, Layout] | None = None,
    ) -> None:
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay)
        self._layouts = layouts or {}

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            updates: dict[tuple[int, int], list[Tensor]] = {}
            targets: dict[tuple[int, int], list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(parameter.grad)
                buffer = state["momentum_buffer"]
                buffer.lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(buffer, group["momentum"])
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                layout = self._layouts.get(id(parameter), Layout())
                for part, target in zip(layout.maps(update), layout.maps(parameter.data), strict=True):
                    # A map's rows may lie apart in the stored matrix: one matrix for the arithmetic, views to update.
                    matrix = part.flatten(0, 1)
                    shape = (matrix.shape[0], matrix.shape[1])
                    updates.setdefault(shape, []).append(matrix)
                    targets.setdefault(shape, []).append(target)
            for shape, parts in updates.items():
                outputs, inputs = shape
                rate = group["lr"] * math.sqrt(max(1.0, outputs / inputs))
                for target, direction in zip(targets[shape], orthogonalize(torch.stack(parts)), strict=True):
                    target.sub_(direction.to(target.dtype).view_as(target), alpha=rate)


def orthogonalize(matrices: Tensor, steps: int = 5, eps: float = 1e-7) -> Tensor:
    """Nearest semi-orthogonal matrices of a batch [B, M, N], roughly: singular values end between 0.5 and 1.5.

    Quintic Newton-Schulz iteration with the coefficients of Jordan et al. 2024, in bf16 where the hardware has it.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.to(torch.bfloat16 if has_fast_bf16(matrices.device) else torch.float32)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.mT
        # a x + (b G + c G G) x, each sum inside its product: twice as fast on a CPU, and rounded less often.
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
