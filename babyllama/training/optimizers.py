"""Optimizers from the `optimization` section: AdamW, or Muon for the hidden matrices with AdamW for everything else."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from babyllama.config import Config
from babyllama.device import has_fast_bf16
from babyllama.errors import ConfigError


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


def group_settings(optimizer: Any) -> Settings:
    """The hyper-parameters of every group of a fresh optimizer under its schedule."""
    return [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]


def put_settings(optimizer: Any, scheduler: Any, settings: Settings) -> None:
    """Give a resumed optimizer the hyper-parameters of the configuration, and the rate its schedule has for this step.

    A checkpoint carries the ones it was made with; what counts is what the configuration says now.
    """
    scheduler.base_lrs = [group["initial_lr"] for group in settings]
    rates = [
        rate * factor(scheduler.last_epoch)
        for rate, factor in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
    ]
    for group, wanted, rate in zip(optimizer.param_groups, settings, rates, strict=True):
        group.update(wanted)
        group["lr"] = rate
    scheduler._last_lr = rates


def build_optimizer(model: nn.Module, config: Config) -> Optimizer:
    """The optimizer for `model`. Weight decay is decoupled and applies to matrices only."""
    section = config.optimization
    groups = ParameterGroups.of(model)
    device = next(model.parameters()).device
    adamw: dict[str, Any] = {
        "lr": config.training.lr,
        "betas": (section.adam_beta1, section.adam_beta2),
        "eps": section.adam_epsilon,
        # One kernel over all parameters; on CPU it is deterministic too.
        "fused": device.type in ("cpu", "cuda"),
    }
    matrices = groups.other_matrices + ([] if section.optimizer == "muon" else groups.hidden_matrices)
    plain = [
        {"params": matrices, "weight_decay": section.weight_decay},
        {"params": groups.vectors, "weight_decay": 0.0},
    ]
    plain = [group for group in plain if group["params"]]
    if section.optimizer == "adamw":
        return AdamW(plain, **adamw)
    if not groups.hidden_matrices:
        raise ConfigError("optimization.optimizer = 'muon': this model has no hidden matrices; use adamw.")
    muon = Muon(
        groups.hidden_matrices,
        lr=section.muon_lr,
        momentum=section.muon_momentum,
        weight_decay=section.weight_decay,
        layouts=_layouts(model),
    )
    return JointOptimizer([muon, AdamW(plain, **adamw)])


@dataclass(frozen=True)
class _Layout:
    """How a stored matrix relates to the linear maps it holds."""

    transposed: bool = False
    """Stored as [in, out], as GPT-2 does, instead of [out, in]."""
    parts: int = 1
    """Maps side by side along the outputs: 3 for query, key and value in one matrix."""


def _layouts(model: nn.Module) -> dict[int, _Layout]:
    from transformers.pytorch_utils import Conv1D

    layouts = {}
    for name, module in model.named_modules():
        if isinstance(module, Conv1D):
            layouts[id(module.weight)] = _Layout(transposed=True, parts=3 if name.endswith("c_attn") else 1)
    return layouts


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
        layouts: dict[int, _Layout] | None = None,
    ) -> None:
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay)
        self._layouts = layouts or {}

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
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
                layout = self._layouts.get(id(parameter), _Layout())
                for part, target in zip(_maps(update, layout), _maps(parameter.data, layout), strict=True):
                    updates.setdefault(tuple(part.shape), []).append(part)  # type: ignore[arg-type]
                    targets.setdefault(tuple(part.shape), []).append(target)  # type: ignore[arg-type]
            for shape, parts in updates.items():
                outputs, inputs = shape
                rate = group["lr"] * math.sqrt(max(1.0, outputs / inputs))
                for target, direction in zip(targets[shape], orthogonalize(torch.stack(parts)), strict=True):
                    target.sub_(direction.to(target.dtype), alpha=rate)


def _maps(matrix: Tensor, layout: _Layout) -> tuple[Tensor, ...]:
    """Views [out, in] of the linear maps that `matrix` holds."""
    return (matrix.T if layout.transposed else matrix).chunk(layout.parts, dim=0)


def orthogonalize(matrices: Tensor, steps: int = 5, eps: float = 1e-7) -> Tensor:
    """Nearest semi-orthogonal matrices of a batch [..., M, N], roughly: singular values end between 0.5 and 1.5.

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
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


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
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
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
