"""What a training step of each family is made of, timed and counted part by part on this machine.

A model of the family makes one step; every part's inputs are kept, and each part is then run alone on them, forward and
backward, under the number format of training. Layers are all alike, so the first stands for the others.

FLOPs are counted by torch (matrix products; attention by its plain formula); bytes are those that each operation reads and
writes, one after another, as when nothing is fused and nothing stays in a cache.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from babyllama.architectures import build_model, family
from babyllama.config import Config
from babyllama.config.tables import OBJECTIVES, OPTIMIZERS
from babyllama.training.attention import short_row_attention
from babyllama.training.machine import Machine
from babyllama.training.network import training_network

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
    model: Any = build_model(section, vocab_size=vocab_size, seq_length=length).train().to(machine.device)
    objective = OBJECTIVES.get("causal").build(config, None)
    example = objective.example(size, length, vocab_size, machine.device)
    optimizer = OPTIMIZERS.get(config.optimization.optimizer)(model, config)
    dtype = machine.autocast_dtype

    def autocast() -> Any:
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

        whole = _fastest(step, machine, 2 * seconds)
        parts = []
        for name, modules in _by_part(model, calls).items():
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
        angles = next((module for module in calls if _is_rotary(module)), None)
        if angles is not None:
            parts = _rotation_apart(parts, _turning(model, angles, calls[angles], autocast, machine, seconds))
        hidden = torch.randn(size, length, section.hidden_size, device=machine.device, requires_grad=True)
        parts.append(_loss_part(network, objective, example, hidden, autocast, machine, seconds))
        forward().backward()
        spent = _fastest(optimizer.step, machine, seconds)
        count = sum(parameter.numel() for parameter in model.parameters())
        flops, moved = _counted(optimizer.step)
        parts.append(Part("optimizer", config.optimization.optimizer, 1, spent, 0.0, flops, moved))
    return Step(section.architecture_name, count, size * length, whole, sorted(parts, key=_place))


def memory_bandwidth(device: torch.device, seconds: float = 0.5, size: int = 1 << 27) -> float:
    """Bytes per second of copying a tensor larger than any cache of most machines, read and written counted, the best of many."""
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    clock, best = clock_of(device), float("inf")
    began = clock()
    while clock() - began < seconds or best == float("inf"):
        start = clock()
        target.copy_(source)
        _wait(device)
        best = min(best, clock() - start)
    return 2 * size / best


class _BytesMoved(TorchDispatchMode):
    """Within the block, adds up the bytes that operations read and write; views move nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [leaf for leaf in pytree.tree_leaves((args, kwargs, out)) if isinstance(leaf, Tensor)]
            self.moved += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return out


def _counted(work: Callable[[], Any]) -> tuple[int, int]:
    """(FLOPs, bytes moved) of `work`."""
    moved = _BytesMoved()
    # Fused attention is one operation to the counter on a CPU; its plain form has the products that are counted.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as flops:
        work()
    with moved:
        work()
    return flops.get_total_flops(), moved.moved


Call = tuple[tuple[Any, ...], dict[str, Any]]


def _recorded(model: Any, run: Callable[[], Any], autocast: Any) -> tuple[dict[nn.Module, Call], dict[str, int]]:
    """The arguments each module was called with, and how often each part runs in one pass."""
    calls: dict[nn.Module, Call] = {}
    layers = _layers(model)
    first = set(layers[0].modules())
    kept = [*layers[0].children(), *(module for module in model.modules() if _outside(module, layers))]
    counts: dict[str, int] = {}

    kept = [module for module in kept if next(module.parameters(), None) is not None or _is_rotary(module)]

    def keep(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        calls[module] = (arguments, named)
        part = _part_of(module, model)
        counts[part] = counts.get(part, 0) + (len(layers) if module in first else 1)

    hooks = [module.register_forward_pre_hook(keep, with_kwargs=True) for module in kept]
    try:
        with autocast():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    return calls, counts


def _layers(model: Any) -> nn.ModuleList:
    """The list of layers: the longest of the lists that the base model holds."""
    lists = [module for module in model.base_model.modules() if isinstance(module, nn.ModuleList)]
    return max(lists, key=len)


def _outside(module: nn.Module, layers: nn.ModuleList) -> bool:
    """Is it a part of its own outside the layers: an embedding, a norm, the rotation's angles?"""
    inside = {id(one) for one in layers.modules()}
    return id(module) not in inside and (isinstance(module, nn.Embedding) or _is_norm(module) or _is_rotary(module))


def _is_norm(module: nn.Module) -> bool:
    return "norm" in type(module).__name__.lower() and not list(module.children())


def _is_rotary(module: nn.Module) -> bool:
    return "rotary" in type(module).__name__.lower()


def _part_of(module: nn.Module, model: Any) -> str:
    if _is_norm(module):
        return "norms"
    if _is_rotary(module):
        return "positions"
    if isinstance(module, nn.Embedding):
        return "embeddings" if module is model.get_input_embeddings() else "positions"
    return "attention" if "att" in type(module).__name__.lower() else "feed-forward"


def _by_part(model: Any, calls: dict[nn.Module, Call]) -> dict[str, list[tuple[nn.Module, str]]]:
    """Part -> its modules that were called, each with the name of its kind."""
    found: dict[str, list[tuple[nn.Module, str]]] = {}
    for module in calls:
        found.setdefault(_part_of(module, model), []).append((module, _kind(module, model)))
    return found


def _kind(module: nn.Module, model: Any) -> str:
    """What it is called: the gate of a feed-forward layer tells SwiGLU from GELU."""
    name = type(module).__name__
    if _is_norm(module):
        return "RMSNorm" if "rms" in name.lower() else "LayerNorm"
    if _is_rotary(module):
        return "RoPE"
    if isinstance(module, nn.Embedding):
        return "learned"
    if "att" in name.lower():
        return "turns by RoPE" if getattr(model.config, "rotary_dim", None) else "softmax"
    return "SwiGLU" if hasattr(module, "gate_proj") else "GELU"


def _module_part(
    module: nn.Module,
    arguments: tuple[Any, ...],
    named: dict[str, Any],
    autocast: Any,
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
    network: Any,
    objective: Any,
    example: dict[str, Any],
    hidden: Tensor,
    autocast: Any,
    machine: Machine,
    seconds: float,
) -> Part:
    """Output layer and cross-entropy from the last hidden states, as they are trained."""
    from babyllama.training.objectives.causal import next_token_targets
    from babyllama.training.objectives.cross_entropy import fused_linear_cross_entropy

    targets = next_token_targets(example["labels"])

    def forward() -> Tensor:
        with autocast():
            head = network.head
            states = hidden.flatten(0, 1)
            return fused_linear_cross_entropy(states, head.weight, head.bias, targets, objective.options).objective

    spent = _both_ways(forward, machine, seconds)
    return Part("head and loss", "cross-entropy", 1, *spent)


def _turning(
    model: Any, angles: nn.Module, call: Call, autocast: Any, machine: Machine, seconds: float
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
    layers = len(_layers(model))

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
    ahead = _fastest(forward, machine, seconds)
    out = forward()
    outs = out if isinstance(out, tuple) else (out,)
    if not outs[0].requires_grad:
        return ahead, 0.0, *_counted(forward)
    slopes = [torch.ones_like(one) for one in outs]

    def back() -> None:
        found = forward()
        torch.autograd.backward(found if isinstance(found, tuple) else (found,), slopes)

    both = _fastest(back, machine, seconds)
    return ahead, max(0.0, both - ahead), *_counted(back)


def _fastest(work: Callable[[], Any], machine: Machine, seconds: float) -> float:
    """Seconds of `work`, the fastest of as many as fit, five at least: what other programs take makes the others slower."""
    for _ in range(2):
        work()
    _wait(machine.device)
    clock, times = clock_of(machine.device), list[float]()
    began = clock()
    while clock() - began < seconds or len(times) < 5:
        start = clock()
        work()
        _wait(machine.device)
        times.append(clock() - start)
    return min(times)


def clock_of(device: torch.device) -> Callable[[], float]:
    """Seconds that passed; on one CPU thread those that it computed, so that other programs do not count."""
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    return time.process_time if alone else time.perf_counter


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _place(part: Part) -> int:
    return PARTS.index(part.name)
