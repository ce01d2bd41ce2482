"""What a training step of each family is made of, timed and counted part by part on this machine.

A model of the family makes one step; every part's inputs are kept, and each part is then run alone on them, forward and
backward, under the number format of training. Layers are all alike, so the first stands for the others.

FLOPs are counted by torch (matrix products; attention by its plain formula); bytes are those that each operation reads and
writes, one after another, as when nothing is fused and nothing stays in a cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from babyllama.architectures import build_model, family
from babyllama.config import Config
from babyllama.config.tables import OPTIMIZERS
from babyllama.training.attention import short_row_attention
from babyllama.training.block_parts import by_part, is_part_outside, is_rotary, layers_of, part_of
from babyllama.training.machine import Machine
from babyllama.training.measuring import counted, fastest
from babyllama.training.network import Batch, Network, training_network
from babyllama.training.objectives.causal import Causal, next_token_targets
from babyllama.training.objectives.cross_entropy import fused_linear_cross_entropy

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FAMILIES = ("Llama", "GPT2", "GPTJ", "Qwen3", "GPTNeoX")
PARTS = ("embeddings", "positions", "attention", "feed-forward", "norms", "head and loss", "optimizer")


@dataclass(frozen=True)
class Part:
    """One part of a step, all of its kind together."""

    name: str
    kind: str
    """What the family uses here: SwiGLU, RMSNorm, ..."""
    count: int
    """How many of it a step runs."""
    forward: float
    """Seconds."""
    backward: float
    flops: int
    """Forward and backward."""
    bytes: int

    @property
    def seconds(self) -> float:
        """Forward and backward."""
        return self.forward + self.backward


@dataclass(frozen=True)
class Step:
    """A family's step and its parts."""

    family: str
    parameters: int
    tokens: int
    seconds: float
    """Of the whole step as it is trained."""
    parts: list[Part]

    @property
    def rest(self) -> float:
        """Seconds of the step that no part has: residual sums, casts, calls; at least 0."""
        return max(0.0, self.seconds - sum(part.seconds for part in self.parts))

    def to_json(self) -> dict[str, Any]:
        """Numbers with what follows from them."""
        return {**asdict(self), "rest": self.rest, "tokens_per_second": self.tokens / self.seconds}


def measure_step(config: Config, *, vocab_size: int, machine: Machine, seconds: float = 0.3) -> Step:
    """The step of `config` (its model section, batch and optimizer), each part run for about `seconds`."""
    section, length, batch = config.model, config.data.seq_length, config.training.batch_size
    size = 1 if batch == "auto" else batch
    model: PreTrainedModel = build_model(section, vocab_size=vocab_size, seq_length=length).train().to(machine.device)
    objective = Causal.of(config)
    example = objective.example(size, length, vocab_size, machine.device)
    optimizer = OPTIMIZERS.get(config.optimization.optimizer)(model, config)
    dtype = machine.autocast_dtype

    def autocast() -> torch.autocast:
        return torch.autocast(machine.device.type, dtype=dtype, enabled=dtype is not None)

    patches, attention = family(section.type).training(model), short_row_attention(model, machine, length)
    with patches, attention, training_network(model, objective) as network:
        calls, order = _recorded(model, lambda: model(**example), autocast)

        def forward() -> Tensor:
            with autocast():
                return model(**example)["objective"]

        def step() -> None:
            forward().backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        whole = fastest(step, machine.device, 2 * seconds)
        parts = []
        for name, modules in by_part(model, calls).items():
            timed = [_module_part(module, *calls[module], autocast, machine, seconds / 2) for module, _ in modules]
            kinds = ", ".join(dict.fromkeys(kind for _, kind in modules))
            times = order[name] if name in order else len(modules)
            each = times / len(timed)
            parts.append(
                Part(
                    name,
                    kinds,
                    times,
                    each * sum(one[0] for one in timed),
                    each * sum(one[1] for one in timed),
                    round(each * sum(one[2] for one in timed)),
                    round(each * sum(one[3] for one in timed)),
                )
            )
        angles = next((module for module in calls if is_rotary(module)), None)
        if angles is not None:
            parts = _rotation_apart(parts, _turning(model, angles, calls[angles], autocast, machine, seconds))
        hidden = torch.randn(size, length, section.hidden_size, device=machine.device, requires_grad=True)
        parts.append(_loss_part(network, objective, example, hidden, autocast, machine, seconds))
        forward().backward()
        spent = fastest(optimizer.step, machine.device, seconds)
        count = sum(parameter.numel() for parameter in model.parameters())
        flops, moved = counted(optimizer.step)
        parts.append(Part("optimizer", config.optimization.optimizer, 1, spent, 0.0, flops, moved))
    return Step(section.architecture_name, count, size * length, whole, sorted(parts, key=_place))


Call = tuple[tuple[Any, ...], dict[str, Any]]
Autocast = Callable[[], torch.autocast]


def _recorded(
    model: PreTrainedModel, run: Callable[[], Any], autocast: Autocast
) -> tuple[dict[nn.Module, Call], dict[str, int]]:
    """The arguments each module was called with, and how often each part runs in one pass."""
    calls: dict[nn.Module, Call] = {}
    layers = layers_of(model)
    first = set(layers[0].modules())
    kept = [*layers[0].children(), *(module for module in model.modules() if is_part_outside(module, layers))]
    counts: dict[str, int] = {}

    kept = [module for module in kept if next(module.parameters(), None) is not None or is_rotary(module)]

    def keep(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        calls[module] = (arguments, named)
        part = part_of(module, model)
        counts[part] = counts.get(part, 0) + (len(layers) if module in first else 1)

    hooks = [module.register_forward_pre_hook(keep, with_kwargs=True) for module in kept]
    try:
        with autocast():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    return calls, counts


def _module_part(
    module: nn.Module,
    arguments: tuple[Any, ...],
    named: dict[str, Any],
    autocast: Autocast,
    machine: Machine,
    seconds: float,
) -> tuple[float, float, int, int]:
    """(seconds forward, seconds backward, FLOPs, bytes) of one module on its inputs."""

    def own(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        return value.detach().requires_grad_(value.is_floating_point() and value.ndim == 3)

    arguments, named = pytree.tree_map(own, arguments), pytree.tree_map(own, named)

    def forward() -> Tensor:
        with autocast():
            out = module(*arguments, **named)
        return out[0] if isinstance(out, tuple) else out

    return _both_ways(forward, machine, seconds)


def _loss_part(
    network: Network,
    objective: Causal,
    example: Batch,
    hidden: Tensor,
    autocast: Autocast,
    machine: Machine,
    seconds: float,
) -> Part:
    """Output layer and cross-entropy from the last hidden states, as they are trained."""
    targets = next_token_targets(example["labels"])

    def forward() -> Tensor:
        with autocast():
            head = network.head
            states = hidden.flatten(0, 1)
            return fused_linear_cross_entropy(states, head.weight, head.bias, targets, objective.options).objective

    spent = _both_ways(forward, machine, seconds)
    return Part("head and loss", "cross-entropy", 1, *spent)


def _turning(
    model: PreTrainedModel, angles: nn.Module, call: Call, autocast: Autocast, machine: Machine, seconds: float
) -> tuple[float, float, int, int]:
    """Turning queries and keys by the angles' [B, T, R] cosines and sines, in all layers."""
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    config = model.config
    with autocast(), torch.no_grad():
        cos, sin = angles(*call[0], **call[1])
    dtype = machine.autocast_dtype or torch.float32
    heads = (config.num_attention_heads, getattr(config, "num_key_value_heads", None) or config.num_attention_heads)
    rows = call[0][0].shape[0] if call[0] else next(iter(call[1].values())).shape[0]
    query, key = (
        torch.randn(rows, count, *cos.shape[-2:], device=cos.device, dtype=dtype, requires_grad=True) for count in heads
    )
    layers = len(layers_of(model))

    def forward() -> tuple[Tensor, Tensor]:
        with autocast():
            return apply_rotary_pos_emb(query, key, cos, sin)

    ahead, back, flops, moved = _both_ways(forward, machine, seconds)
    return layers * ahead, layers * back, layers * flops, layers * moved


def _rotation_apart(parts: list[Part], turning: tuple[float, float, int, int]) -> list[Part]:
    """Queries and keys are turned inside attention; here that counts as positions."""
    ahead, back, flops, moved = turning
    found = []
    for part in parts:
        sign = {"positions": 1, "attention": -1}.get(part.name, 0)
        found.append(
            replace(
                part,
                forward=max(0.0, part.forward + sign * ahead),
                backward=max(0.0, part.backward + sign * back),
                flops=part.flops + sign * flops,
                bytes=max(0, part.bytes + sign * moved),
            )
        )
    return found


def _both_ways(forward: Callable[[], Any], machine: Machine, seconds: float) -> tuple[float, float, int, int]:
    ahead = fastest(forward, machine.device, seconds)
    out = forward()
    outs = out if isinstance(out, tuple) else (out,)
    if not outs[0].requires_grad:
        return ahead, 0.0, *counted(forward)
    slopes = [torch.ones_like(one) for one in outs]

    def back() -> None:
        found = forward()
        torch.autograd.backward(found if isinstance(found, tuple) else (found,), slopes)

    both = fastest(back, machine.device, seconds)
    return ahead, max(0.0, both - ahead), *counted(back)


def _place(part: Part) -> int:
    return PARTS.index(part.name)
