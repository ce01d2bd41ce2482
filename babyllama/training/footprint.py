"""What a training step takes of memory, found by running it on tensors that have shapes and no data.

The step is the real one: the family's modules, the objective, autocast, checkpointing, the optimizer. Only its bytes are
counted. Layers are all alike, so two short models give the line on which the deep one lies.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from babyllama.architectures import build_model, family
from babyllama.config import Config
from babyllama.config.tables import OPTIMIZERS
from babyllama.training.attention import short_row_attention
from babyllama.training.machine import Machine
from babyllama.training.network import training_network
from babyllama.training.objectives.causal import Causal
from babyllama.training.probing import output_layer_agrees

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_HELD_BACK = 0.7
"""Share of what one layer allocates, forward and backward, that glibc's allocator holds on top of the tensors that exist: holes
that no other tensor fits. Fitted to benchmarks/memory.py (0.4 to 0.9 there; without the holes, the count is exact to 4 %)."""

SHORT = (2, 3)
"""Layers of the two models that give the line."""


@dataclass(frozen=True)
class Footprint:
    """Bytes on the training device."""

    weights: int
    optimizer: int
    """Moments, and the moving average of the weights where there is one."""
    step: int
    """Gradients, activations and temporaries, at the moment when they are the most."""
    allocator: int = 0
    """Held back by a CPU's allocator."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.optimizer + self.step + self.allocator


class LiveBytes(TorchDispatchMode):
    """Within the block, counts the bytes of the tensors that exist (`live`) and the most there were (`peak`)."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = self.allocated = 0
        self._known: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in pytree.tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self._count(leaf.untyped_storage())
        return out

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._known:
            self._known[key] = storage.nbytes()
            self.live += storage.nbytes()
            self.allocated += storage.nbytes()
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._gone, key)

    def _gone(self, key: int) -> None:
        self.live -= self._known.pop(key, 0)


def step_footprint(
    config: Config, *, vocab_size: int, micro_batch: int, accumulation: int, machine: Machine
) -> Footprint:
    """The bytes of a training step of `micro_batch` sequences, in a run that has made its first step."""
    tiny = config.model.model_copy(update={"n_layer": 1, "vocab_size": None})
    fused = output_layer_agrees(build_model(tiny, vocab_size=64, seq_length=config.data.seq_length))
    short = [_Step(config, layers, vocab_size, micro_batch, min(2, accumulation), machine, fused) for layers in SHORT]
    checkpointing = config.training.gradient_checkpointing
    found = [step.run(checkpointing) for step in short]
    held_back = 0.0
    if machine.device.type == "cpu":
        less, more = (step.run(checkpointing=False) for step in short) if checkpointing else found
        held_back = _HELD_BACK * (more.allocated - less.allocated)

    def of_all(part: str) -> int:
        first, second = (getattr(counts, part) for counts in found)
        return first + (config.model.n_layer - SHORT[0]) * (second - first)

    step = max(of_all("passes"), of_all("update"))
    return Footprint(of_all("weights"), of_all("optimizer"), step, round(held_back))


class _Counts(NamedTuple):
    """Bytes of a short model's step."""

    weights: int
    optimizer: int
    passes: int
    """Most beside these two during the passes forward and backward."""
    update: int
    """Most while the optimizer is at work."""
    allocated: int
    """Of all tensors of the passes, one after another."""


@dataclass(frozen=True)
class _Step:
    config: Config
    layers: int
    vocab_size: int
    micro_batch: int
    accumulation: int
    machine: Machine
    fused: bool

    def run(self, checkpointing: bool) -> _Counts:
        """What a step takes that is not the first."""
        config, machine = self.config, self.machine
        length, dtype = config.data.seq_length, machine.autocast_dtype
        objective = Causal.of(config)
        section = config.model.model_copy(update={"n_layer": self.layers})
        with FakeTensorMode(), LiveBytes() as count:
            with torch.device(machine.device):
                model: PreTrainedModel = build_model(section, vocab_size=self.vocab_size, seq_length=length).train()
            if checkpointing:
                model.activation_checkpointing_enable({"use_reentrant": False})
            weights = count.live
            average = [p.detach().clone() for p in model.parameters() if config.optimization.ema_decay is not None]
            optimizer = OPTIMIZERS.get(config.optimization.optimizer)(model, config)
            for parameter in model.parameters():
                parameter.grad = torch.zeros_like(parameter)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            before, count.peak, count.allocated = count.live, count.live, 0
            patches = family(section.type).training(model)
            attention = short_row_attention(model, machine, length)
            with patches, attention, training_network(model, objective, fused=self.fused):
                for _ in range(self.accumulation):
                    batch = objective.example(self.micro_batch, length, self.vocab_size, machine.device)
                    with torch.autocast(machine.device.type, dtype=dtype, enabled=dtype is not None):
                        sums = model(**batch)
                    sums["objective"].backward()
                    del sums
            passes, allocated, count.peak = count.peak, count.allocated, count.live
            optimizer.step()
            del average
            return _Counts(weights, before - weights, passes - before, count.peak - before, allocated)
