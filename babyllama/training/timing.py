"""How long a run will take on this machine: a few steps of short models, then arithmetic.

Layers are all alike, so two models of one and two layers give the line on which the deep one lies; a step is its micro-batches
and one update of the weights. On one CPU thread the time that it computed is taken, as if nothing else ran here. Held-out evaluations, checkpoints and the building of inputs come on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from babyllama.architectures import build_model, family, parameter_counts
from babyllama.config import Config
from babyllama.config.tables import OPTIMIZERS
from babyllama.training.attention import short_row_attention
from babyllama.training.machine import Machine
from babyllama.training.measuring import fastest
from babyllama.training.network import training_network
from babyllama.training.objectives.causal import Causal

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SHORT = (1, 2)
"""Layers of the two models that give the line."""
MOST_TOKENS = 4096
"""Tokens of a pass that is timed; a larger micro-batch takes as much longer as it has more."""
MOST_PARAMETERS = 400_000_000
"""Of the short models: larger ones are not built for an estimate."""


@dataclass(frozen=True)
class StepTime:
    """Seconds of one optimizer step."""

    passes: float
    """All micro-batches forward and backward."""
    update: float

    @property
    def total(self) -> float:
        """Of the whole step."""
        return self.passes + self.update


def step_time(
    config: Config, *, vocab_size: int, micro_batch: int, accumulation: int, machine: Machine, seconds: float = 1.0
) -> StepTime | None:
    """The step of `config`, from about `seconds` of trying; None where the family cannot be tried so, or is too large."""
    length = config.data.seq_length
    rows = max(1, min(micro_batch, MOST_TOKENS // length))
    try:
        section = config.model.model_copy(update={"n_layer": max(SHORT), "init_from": None})
        if parameter_counts(section, vocab_size=vocab_size, seq_length=length)["total"] > MOST_PARAMETERS:
            return None
        measured = [_timed(config, layers, vocab_size, rows, machine, seconds / len(SHORT)) for layers in SHORT]
    except (RuntimeError, ValueError, TypeError, AttributeError, MemoryError):
        return None
    return on_the_line(measured, config.model.n_layer, accumulation * micro_batch / rows)


def on_the_line(measured: Sequence[tuple[float, float]], layers: int, passes: float) -> StepTime:
    """The step of a model of `layers` layers that makes `passes` times the tried pass, from the seconds of a pass and of an
    update of the models with `SHORT` layers."""

    def of_all(part: int) -> float:
        first, second = (found[part] for found in measured)
        return first + (layers - SHORT[0]) * max(0.0, second - first)

    return StepTime(passes * of_all(0), of_all(1))


def _timed(
    config: Config, layers: int, vocab_size: int, rows: int, machine: Machine, seconds: float
) -> tuple[float, float]:
    """(seconds of a pass forward and backward, seconds of an update) of a model of so many layers."""
    section = config.model.model_copy(update={"n_layer": layers, "init_from": None})
    length, dtype = config.data.seq_length, machine.autocast_dtype
    objective = Causal.of(config)
    model: PreTrainedModel = build_model(section, vocab_size=vocab_size, seq_length=length).train().to(machine.device)
    if config.training.gradient_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    optimizer = OPTIMIZERS.get(config.optimization.optimizer)(model, config)
    batch = objective.example(rows, length, vocab_size, machine.device)
    patches, attention = family(section.type).training(model), short_row_attention(model, machine, length)

    def passes() -> None:
        with torch.autocast(machine.device.type, dtype=dtype, enabled=dtype is not None):
            sums = model(**batch)
        sums["objective"].backward()

    with patches, attention, training_network(model, objective):
        ahead = fastest(passes, machine.device, seconds, least=1)
        return ahead, fastest(optimizer.step, machine.device, seconds / 4, least=1)
