"""What a finished run reports: training_metrics.json."""

from __future__ import annotations

from typing import Any

import torch

from babyllama.device import Precision, describe_device
from babyllama.runs import TrainingMetrics
from babyllama.training.console import duration, note, perplexity
from babyllama.training.memory import peak_memory_bytes
from babyllama.training.parts import RunParts
from babyllama.training.throughput import flops_per_token, peak_flops

_MINUTE = 60.0


def training_metrics(
    model: Any,
    parts: RunParts,
    *,
    steps: int,
    precision: Precision,
    compiled: bool,
    device: torch.device,
    resumed_from_step: int | None,
) -> TrainingMetrics:
    """Put the run's numbers together. `model` is the unwrapped model."""
    state, plan = parts.state, parts.plan
    parts.clock.training(False)
    best = parts.config.training.keep_best and state.best_eval_loss is not None
    eval_loss = state.best_eval_loss if best else state.last_eval_loss
    speed = state.tokens_seen / state.train_seconds if state.train_seconds else 0.0
    share = None
    if state.train_seconds >= _MINUTE:
        share = speed * flops_per_token(model, plan.seq_length) / (peak_flops(device, precision.name) * plan.devices)
    return TrainingMetrics(
        train_loss=state.last_train_loss,
        eval_loss=eval_loss,
        perplexity=None if eval_loss is None else perplexity(eval_loss),
        steps=steps,
        epochs=plan.epochs(steps),
        tokens_seen=state.tokens_seen,
        words_seen=state.words_seen,
        training_time=state.seconds,
        tokens_per_second=speed,
        peak_share=share,
        peak_memory_bytes=peak_memory_bytes(device),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        micro_batch=plan.micro_batch,
        accumulation=plan.accumulation,
        precision=precision.name,
        compiled=compiled,
        device=describe_device(device),
        devices=plan.devices,
        resumed_from_step=resumed_from_step,
    )


def say_result(result: TrainingMetrics) -> None:
    """The last line of training."""
    share = "" if result.peak_share is None else f" ({result.peak_share:.0%} of the device's peak)"
    held_out = "" if result.eval_loss is None else f", held-out block loss {result.eval_loss:.4f}"
    note(
        f"trained {result.steps:,} steps in {duration(result.training_time)}: {result.tokens_seen:,} tokens, "
        f"{result.words_seen:,} words, {result.tokens_per_second:,.0f} tokens/s{share}, peak memory "
        f"{result.peak_memory_bytes / 2**30:.1f} GiB{held_out}"
    )
