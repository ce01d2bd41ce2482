"""Which part of a model a module is, and of which kind: found by what it is, whatever its family calls it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def layers_of(model: PreTrainedModel) -> nn.ModuleList:
    """The list of layers: the longest of the lists that the base model holds."""
    lists = [module for module in model.base_model.modules() if isinstance(module, nn.ModuleList)]
    return max(lists, key=len)


def is_part_outside(module: nn.Module, layers: nn.ModuleList) -> bool:
    """Is it a part of its own outside the layers: an embedding, a norm, the rotation's angles?"""
    inside = {id(one) for one in layers.modules()}
    return id(module) not in inside and (isinstance(module, nn.Embedding) or is_norm(module) or is_rotary(module))


def is_norm(module: nn.Module) -> bool:
    """LayerNorm, RMSNorm and their like."""
    return "norm" in type(module).__name__.lower() and not list(module.children())


def is_rotary(module: nn.Module) -> bool:
    """What gives the angles of rotary positions."""
    return "rotary" in type(module).__name__.lower()


def part_of(module: nn.Module, model: PreTrainedModel) -> str:
    """embeddings, positions, attention, feed-forward or norms."""
    if is_norm(module):
        return "norms"
    if is_rotary(module):
        return "positions"
    if isinstance(module, nn.Embedding):
        return "embeddings" if module is model.get_input_embeddings() else "positions"
    return "attention" if "att" in type(module).__name__.lower() else "feed-forward"


def by_part(model: PreTrainedModel, calls: Iterable[nn.Module]) -> dict[str, list[tuple[nn.Module, str]]]:
    """Part -> its modules that were called, each with the name of its kind."""
    found: dict[str, list[tuple[nn.Module, str]]] = {}
    for module in calls:
        found.setdefault(part_of(module, model), []).append((module, kind_of(module, model)))
    return found


def kind_of(module: nn.Module, model: PreTrainedModel) -> str:
    """What it is called: the gate of a feed-forward layer tells SwiGLU from GELU."""
    name = type(module).__name__
    if is_norm(module):
        return "RMSNorm" if "rms" in name.lower() else "LayerNorm"
    if is_rotary(module):
        return "RoPE"
    if isinstance(module, nn.Embedding):
        return "learned"
    if "att" in name.lower():
        return "turns by RoPE" if getattr(model.config, "rotary_dim", None) else "softmax"
    return "SwiGLU" if hasattr(module, "gate_proj") else "GELU"
