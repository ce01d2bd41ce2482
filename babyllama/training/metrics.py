"""What a finished run reports: training_metrics.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babyllama import console
from babyllama.device import describe_device
from babyllama.runs import TrainingMetrics
from babyllama.text import duration, perplexity
from babyllama.training.machine import Machine
from babyllama.training.memory import peak_memory_bytes
from babyllama.training.throughput import flops_per_token, peak_flops

if TYPE_CHECKING:
    from babyllama.training.trainer import LanguageModelTrainer

_MINUTE = 60.0


def training_metrics(
    trainer: LanguageModelTrainer, machine: Machine, *, compiled: bool, resumed_from_step: int | None
) -> TrainingMetrics:
    """Put the run's numbers together, once training has ended."""
    journal, plan, model = trainer.journal, trainer.plan, trainer.model
    state, steps = journal.state, trainer.state.global_step
    journal.clock.training(False)
    best = trainer.config.training.keep_best and state.best_eval_loss is not None
    eval_loss = state.best_eval_loss if best else state.last_eval_loss
    speed = state.tokens_seen / state.train_seconds if state.train_seconds else 0.0
    share, flops = None, flops_per_token(model, plan.seq_length)
    if state.train_seconds >= _MINUTE:
        peak = peak_flops(machine.device, machine.precision.name) * plan.devices
        share = speed * flops / peak
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
        peak_memory_bytes=peak_memory_bytes(machine.device),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        micro_batch=plan.micro_batch,
        accumulation=plan.accumulation,
        precision=machine.precision.name,
        compiled=compiled,
        device=describe_device(machine.device),
        devices=plan.devices,
        resumed_from_step=resumed_from_step,
        flops_per_token=flops,
    )


def say_metrics(result: TrainingMetrics) -> None:
    """The last line of training."""
    share = "" if result.peak_share is None else f" ({result.peak_share:.0%} of the device's peak)"
    held_out = "" if result.eval_loss is None else f", held-out block loss {result.eval_loss:.4f}"
    console.say(
        f"trained {result.steps:,} steps in {duration(result.training_time)}: {result.tokens_seen:,} tokens, "
        f"{result.words_seen:,} words, {result.tokens_per_second:,.0f} tokens/s{share}, peak memory "
        f"{result.peak_memory_bytes / 2**30:.1f} GiB{held_out}"
    )
