"""`train`: from a configuration, a fresh model and packed text to a run folder with a finished model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from babyllama.artifacts import RunPaths, write_json
from babyllama.config import Config
from babyllama.dataset import sample_blocks
from babyllama.device import Precision, choose_device, choose_precision, describe_device
from babyllama.errors import RunError, TrainingError
from babyllama.training import checkpoints
from babyllama.training.arguments import batch_plan, training_arguments
from babyllama.training.average import WeightAverage
from babyllama.training.batches import BatchPlan, Blocks
from babyllama.training.best import BestModel, best_folder
from babyllama.training.console import Progress, note, perplexity
from babyllama.training.forward import training_forward
from babyllama.training.guards import LossGuard
from babyllama.training.interruption import Interruption, TrainingInterrupted
from babyllama.training.loss import LossOptions
from babyllama.training.losses_csv import LossesFile
from babyllama.training.memory import out_of_memory, peak_memory_bytes
from babyllama.training.processes import process_count, process_index
from babyllama.training.recorder import Recorder
from babyllama.training.saving import save_model_folder
from babyllama.training.schedule import Schedule
from babyllama.training.state import Clock, RunState
from babyllama.training.trainer import LanguageModelTrainer, RunParts
from babyllama.training.words_seen import WordCheckpoints

Resume = Literal["newest"] | str | Path | None


@dataclass(frozen=True)
class TrainingResult:
    """What training_metrics.json holds."""

    train_loss: float | None
    """Mean cross-entropy per target token (nats) over the steps of the last row of losses.csv."""
    eval_loss: float | None
    """Block loss of the shipped model on the held-out sample, in nats per target token."""
    perplexity: float | None
    """exp(eval_loss). `evaluate` gives the exact perplexity by document."""
    steps: int
    epochs: float
    tokens_seen: int
    words_seen: int
    training_time: float
    """Seconds of wall time over all sessions of the run, evaluations and checkpoints included."""
    tokens_per_second: float
    """Tokens per second of training steps, all devices together."""
    peak_memory_bytes: int
    parameters: int
    precision: str
    device: str
    devices: int
    resumed_from_step: int | None
    """Step of the checkpoint this session began with."""


def train(
    config: Config,
    *,
    model: Any,
    tokenizer: Any,
    train_dataset: Blocks,
    eval_dataset: Blocks | None,
    paths: RunPaths,
    resume: Resume,
    run_info: dict[str, Any],
) -> TrainingResult:
    """Train `model` as `config` says and leave losses.csv, checkpoints/, final/ and training_metrics.json in `paths`.

    `resume` is None, "newest" (starts anew, saying so, when there is no checkpoint) or the path of a checkpoint.
    Raises TrainingError when the loss is not a number, memory or disk run out; CheckpointError for an unusable
    checkpoint; TrainingInterrupted (a SystemExit, code 130 or 143) after SIGINT or SIGTERM, with a checkpoint saved.
    """
    quiet = bool(run_info.get("quiet", False))
    device = choose_device(config.training.device)
    precision = choose_precision(config.training, device)
    checkpoint = _checkpoint(paths, resume)
    _check_data(config, train_dataset, eval_dataset)
    plan = batch_plan(config, num_blocks=len(train_dataset), devices=process_count())
    total_steps = plan.total_steps(config.training.num_epochs, config.training.max_steps)
    schedule = Schedule.from_config(config, total_steps)
    if not quiet:
        _announce(plan, schedule, total_steps)

    options = LossOptions(config.optimization.label_smoothing, config.optimization.z_loss)
    if config.training.gradient_checkpointing:
        # Non-reentrant recomputation is the kind that works with any input and with DistributedDataParallel.
        model.activation_checkpointing_enable({"use_reentrant": False})
    with _quiet_libraries(), training_forward(model, options), Interruption() as interruption:
        arguments = training_arguments(
            config, output_dir=paths.checkpoints, device=device, precision=precision, plan=plan, report_to=[]
        )
        parts = _parts(
            config,
            plan,
            schedule,
            train_dataset,
            eval_dataset,
            paths,
            checkpoint,
            interruption,
            precision,
            quiet,
            device,
        )
        callbacks: list[Any] = []
        if config.training.word_checkpoints:
            callbacks.append(WordCheckpoints(parts, tokenizer))
        if config.training.keep_best and eval_dataset is not None:
            callbacks.append(BestModel(parts, tokenizer))
        trainer = LanguageModelTrainer(model, arguments, parts, callbacks)
        if config.optimization.ema_decay is not None:
            parts.average = WeightAverage(model, config.optimization.ema_decay)
            if checkpoint is not None:
                parts.average.load(checkpoint)
        first_step = _run(trainer, parts, checkpoint, total_steps)
        if trainer.state.global_step < total_steps:
            _leave(parts, interruption, trainer.state.global_step)
        result = _result(trainer, parts, precision, device, first_step)
        if trainer.args.should_save:
            _write_final(config, parts, model, tokenizer, paths)
            write_json(paths.metrics, asdict(result))
        trainer.accelerator.wait_for_everyone()
    return result


def _checkpoint(paths: RunPaths, resume: Resume) -> Path | None:
    existing = checkpoints.checkpoints_by_step(paths.checkpoints)
    if resume is None:
        if existing:
            raise RunError(
                f"{paths.checkpoints} holds checkpoints of a run: continue it with --resume_from_checkpoint, start "
                "anew with --overwrite, or choose another model.name."
            )
        return None
    if resume != "newest":
        return checkpoints.checked(Path(resume))
    newest = checkpoints.newest_checkpoint(paths)
    if newest is None:
        note(f"no {'good ' if existing else ''}checkpoint in {paths.checkpoints} yet: training starts anew")
    return newest


def _check_data(config: Config, train_dataset: Blocks, eval_dataset: Blocks | None) -> None:
    for key, blocks in (("data.train_path", train_dataset), ("data.eval_path", eval_dataset)):
        if blocks is not None and len(blocks) == 0:
            raise TrainingError(
                f"{key}: the text fills no block of data.seq_length = {config.data.seq_length} tokens. "
                "Use more text or a shorter seq_length."
            )


def _announce(plan: BatchPlan, schedule: Schedule, total_steps: int) -> None:
    note(plan.describe())
    note(f"{plan.num_blocks:,} blocks, {plan.steps_per_epoch:,} steps per epoch, {total_steps:,} steps in all")
    warning = schedule.warning()
    if warning:
        note(f"warning: {warning}")


def _parts(
    config: Config,
    plan: BatchPlan,
    schedule: Schedule,
    train_dataset: Blocks,
    eval_dataset: Blocks | None,
    paths: RunPaths,
    checkpoint: Path | None,
    interruption: Interruption,
    precision: Precision,
    quiet: bool,
    device: torch.device,
) -> RunParts:
    state = RunState() if checkpoint is None else RunState.restored(checkpoints.read_state(checkpoint))
    clock = Clock(state)
    main = process_index() == 0
    step = None if checkpoint is None else int(checkpoint.name.rsplit("-", 1)[-1])
    recorder = Recorder(
        state,
        clock,
        file=LossesFile(paths.losses, step) if main else None,
        progress=Progress(schedule.total_steps, step or 0, quiet) if main else None,
        total_steps=schedule.total_steps,
        device=device,
    )
    indices = (
        []
        if eval_dataset is None
        else sample_blocks(eval_dataset, config.data.eval_samples, config.training.seed).tolist()  # type: ignore[arg-type]
    )
    guard = LossGuard(paths.checkpoints, immediate=device.type == "cpu", fp16=precision.name == "fp16")
    return RunParts(
        config=config,
        plan=plan,
        schedule=schedule,
        train_blocks=train_dataset,
        eval_blocks=eval_dataset,
        eval_indices=indices,
        checkpoints=paths.checkpoints,
        state=state,
        clock=clock,
        recorder=recorder,
        guard=guard,
        interruption=interruption,
    )


def _run(trainer: LanguageModelTrainer, parts: RunParts, checkpoint: Path | None, total_steps: int) -> int | None:
    """Train to the end or to the interruption; the step that training began after, None for the start."""
    step = None if checkpoint is None else int(checkpoint.name.rsplit("-", 1)[-1])
    if checkpoint is not None and step is not None and step >= total_steps:
        # All steps were taken before the kill; only the writing of final/ is left.
        trainer._load_from_checkpoint(str(checkpoint))
        trainer.state.global_step = step
        note(f"{checkpoint} is the end of the run: nothing left to train")
        return step
    if checkpoint is not None:
        note(f"resuming after step {step} from {checkpoint}")
    try:
        with parts.recorder.progress or contextlib.nullcontext():
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except torch.OutOfMemoryError as error:
        raise out_of_memory(parts.config, parts.plan, trainer.args.device) from error
    return step


def _leave(parts: RunParts, interruption: Interruption, step: int) -> None:
    number = interruption.signal_number or 15
    message = f"stopped after step {step}; continue with --resume_from_checkpoint"
    note(message)
    raise TrainingInterrupted(number, message)


def _result(
    trainer: LanguageModelTrainer, parts: RunParts, precision: Precision, device: torch.device, first_step: int | None
) -> TrainingResult:
    state = parts.state
    parts.clock.training(False)
    best = parts.config.training.keep_best and state.best_eval_loss is not None
    eval_loss = state.best_eval_loss if best else state.last_eval_loss
    return TrainingResult(
        train_loss=state.last_train_loss,
        eval_loss=eval_loss,
        perplexity=None if eval_loss is None else perplexity(eval_loss),
        steps=trainer.state.global_step,
        epochs=trainer.state.global_step / parts.plan.steps_per_epoch,
        tokens_seen=state.tokens_seen,
        words_seen=state.words_seen,
        training_time=state.seconds,
        tokens_per_second=state.tokens_seen / state.train_seconds if state.train_seconds else 0.0,
        peak_memory_bytes=peak_memory_bytes(device),
        parameters=sum(p.numel() for p in trainer.accelerator.unwrap_model(trainer.model).parameters()),
        precision=precision.name,
        device=describe_device(device),
        devices=parts.plan.devices,
        resumed_from_step=first_step,
    )


def _write_final(config: Config, parts: RunParts, model: Any, tokenizer: Any, paths: RunPaths) -> None:
    best = best_folder(paths.checkpoints)
    if config.training.keep_best and parts.state.best_step is not None and best.is_dir():
        from transformers import AutoModelForCausalLM

        note(f"final model: that of step {parts.state.best_step}, held-out loss {parts.state.best_eval_loss:.4f}")
        save_model_folder(paths.final, AutoModelForCausalLM.from_pretrained(best), tokenizer)
    else:
        save_model_folder(paths.final, model, tokenizer, average=parts.average)


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep transformers' own notes off the console; ours say what matters."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
