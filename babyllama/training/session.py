"""One session of a run: everything is built from the configuration, trained to the end or the interruption, written."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from babyllama import console
from babyllama.artifacts import recover_folder
from babyllama.config import Config
from babyllama.dataset import sample_blocks
from babyllama.device import Precision
from babyllama.processes import process_index
from babyllama.runs import Decisions, RunPaths, RunRecord, TrainingMetrics
from babyllama.runs.rows import RowsFile
from babyllama.training import checkpoints, compiling, micro_batch
from babyllama.training.arguments import training_arguments
from babyllama.training.average import WeightAverage
from babyllama.training.batch_plan import BatchPlan, batch_plan
from babyllama.training.batches import Blocks
from babyllama.training.best import BestModel, best_folder
from babyllama.training.console import Progress, note
from babyllama.training.forward import training_forward
from babyllama.training.guards import LossGuard
from babyllama.training.interruption import Interruption, TrainingInterrupted
from babyllama.training.loss import LossOptions
from babyllama.training.minimal_pairs import CURVE_COLUMNS, MinimalPairCurve
from babyllama.training.parts import RunParts
from babyllama.training.recorder import Recorder
from babyllama.training.result import say_result, training_metrics
from babyllama.training.saving import save_model_folder
from babyllama.training.schedule import Schedule
from babyllama.training.state import Clock, RunState
from babyllama.training.trackers import finish_trackers, prepare_trackers
from babyllama.training.trainer import LanguageModelTrainer
from babyllama.training.words_seen import WordCheckpoints


@dataclass(frozen=True)
class Job:
    """What `train` was given, and the machine it found."""

    config: Config
    model: Any
    tokenizer: Any
    train_dataset: Blocks
    eval_dataset: Blocks | None
    paths: RunPaths
    device: torch.device
    precision: Precision
    devices: int

    def plan(self, decisions: Decisions) -> BatchPlan:
        """The arithmetic of steps, once the micro-batch is decided."""
        return batch_plan(
            self.config,
            num_blocks=len(self.train_dataset),
            devices=self.devices,
            micro_batch=decisions.micro_batch if self.config.training.batch_size == "auto" else None,
        )


def run_session(job: Job, checkpoint: Path | None, record: RunRecord) -> TrainingMetrics:
    """Train from `checkpoint` (or the start) to the end."""
    config, model, training = job.config, job.model, job.config.training
    decisions = record.decisions
    options = LossOptions(config.optimization.label_smoothing, config.optimization.z_loss)
    with training_forward(model, options) as forward, Interruption() as interruption:
        if training.batch_size == "auto" and decisions.micro_batch is None:
            decisions.micro_batch = micro_batch.choose(model, config, job.devices, job.device, job.precision)
        plan = job.plan(decisions)
        schedule = Schedule.from_config(config, plan.total_steps(training.num_epochs, training.max_steps))
        _announce(plan, schedule)
        if decisions.compile is None or training.torch_compile != "auto":
            decisions.compile = compiling.wanted(model, config, plan, job.device, schedule.total_steps)
        if decisions.compile:
            compiling.compile_blocks(model)
            forward.compile_loss()
        report_to = prepare_trackers(config, job.paths, decisions) if process_index() == 0 else []
        if process_index() == 0:
            record.save(job.paths)

        arguments = training_arguments(
            config,
            output_dir=job.paths.checkpoints,
            device=job.device,
            precision=job.precision,
            plan=plan,
            report_to=report_to,
        )
        step = None if checkpoint is None else checkpoints.step_of(checkpoint)
        made_with = checkpoints.MadeWith.of(config, record)
        parts = _parts(job, plan, schedule, checkpoint, step, interruption, made_with)
        parts.compiled = decisions.compile
        # An evaluation that was put off comes before anything else.
        arguments.eval_on_start = parts.state.evaluation_due
        trainer = LanguageModelTrainer(model, arguments, parts, _callbacks(job, parts, step))
        parts.tell = trainer.tell
        if config.optimization.ema_decay is not None:
            parts.average = WeightAverage(model, config.optimization.ema_decay)
            if checkpoint is not None:
                parts.average.load(checkpoint)
        try:
            _run(trainer, parts, checkpoint, step)
        finally:
            finish_trackers(report_to)
        if trainer.state.global_step < schedule.total_steps or parts.state.evaluation_due:
            message = f"stopped after step {trainer.state.global_step}; continue with --resume_from_checkpoint"
            note(message)
            raise TrainingInterrupted(interruption.signal_number or 15, message)
        result = training_metrics(
            model,
            parts,
            steps=trainer.state.global_step,
            precision=job.precision,
            compiled=decisions.compile,
            device=job.device,
            resumed_from_step=step,
        )
        weights = trainer.gathered_weights()
        if trainer.args.should_save:
            _write_final(job, parts, weights)
            result.save(job.paths)
            say_result(result)
        trainer.accelerator.wait_for_everyone()
    return result


def _announce(plan: BatchPlan, schedule: Schedule) -> None:
    note(plan.describe())
    note(f"{plan.num_blocks:,} blocks, {plan.steps_per_epoch:,} steps per epoch, {schedule.total_steps:,} steps in all")
    warning = schedule.warning()
    if warning:
        note(f"warning: {warning}")


def _parts(
    job: Job,
    plan: BatchPlan,
    schedule: Schedule,
    checkpoint: Path | None,
    step: int | None,
    interruption: Interruption,
    made_with: checkpoints.MadeWith,
) -> RunParts:
    state = RunState() if checkpoint is None else RunState.restored(checkpoints.read_state(checkpoint))
    clock = Clock(state)
    main = process_index() == 0
    recorder = Recorder(
        state,
        clock,
        file=RowsFile(job.paths.losses, resume_step=step, fingerprint=state.curves.get(job.paths.losses.name))
        if main
        else None,
        progress=Progress(schedule.total_steps, step or 0, console.is_quiet()) if main else None,
        total_steps=schedule.total_steps,
        device=job.device,
    )
    sample: list[int] = []
    if job.eval_dataset is not None:
        drawn = sample_blocks(job.eval_dataset, job.config.data.eval_samples, job.config.training.seed)  # type: ignore[arg-type]
        sample = drawn.tolist()
    return RunParts(
        config=job.config,
        plan=plan,
        schedule=schedule,
        train_blocks=job.train_dataset,
        eval_blocks=job.eval_dataset,
        eval_indices=sample,
        checkpoints=job.paths.checkpoints,
        state=state,
        clock=clock,
        recorder=recorder,
        guard=LossGuard(
            job.paths.checkpoints,
            learning_rate=lambda step: job.config.training.lr * schedule(step - 1),
            immediate=job.device.type == "cpu",
            fp16=job.precision.name == "fp16",
        ),
        interruption=interruption,
        made_with=made_with,
    )


def _callbacks(job: Job, parts: RunParts, step: int | None) -> list[Any]:
    training = job.config.training
    callbacks: list[Any] = []
    if training.word_checkpoints:
        callbacks.append(WordCheckpoints(parts, job.tokenizer))
    if training.keep_best:
        callbacks.append(BestModel(parts, job.tokenizer))
    if training.blimp_every_words is not None:
        path = job.paths.curve("blimp")
        file = RowsFile(path, CURVE_COLUMNS, resume_step=step) if process_index() == 0 else None
        callbacks.append(MinimalPairCurve(parts, job.tokenizer, job.config, training.blimp_every_words, file))
    return callbacks


def _run(trainer: LanguageModelTrainer, parts: RunParts, checkpoint: Path | None, step: int | None) -> None:
    """Train to the end or to the interruption."""
    if checkpoint is not None and step is not None and step >= parts.schedule.total_steps:
        # All steps were taken before the kill; only the writing of final/ is left.
        trainer._load_from_checkpoint(str(checkpoint))
        trainer.state.global_step = step
        note(f"{checkpoint} is the end of the run: nothing left to train")
        parts.recorder.start(step)
        if parts.state.evaluation_due:
            trainer.pay_evaluation()
        return
    if checkpoint is not None:
        note(f"resuming after step {step} from {checkpoint}")
    with parts.recorder.progress or contextlib.nullcontext():
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))


def _write_final(job: Job, parts: RunParts, weights: dict[str, Any] | None) -> None:
    best = best_folder(job.paths.checkpoints)
    recover_folder(best)
    if job.config.training.keep_best and parts.state.best_step is not None and best.is_dir():
        from transformers import AutoModelForCausalLM

        note(f"final model: that of step {parts.state.best_step}, held-out loss {parts.state.best_eval_loss:.4f}")
        save_model_folder(job.paths.final, AutoModelForCausalLM.from_pretrained(best), job.tokenizer)
    else:
        save_model_folder(job.paths.final, job.model, job.tokenizer, average=parts.average, weights=weights)
