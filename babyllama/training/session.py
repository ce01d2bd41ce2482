"""`train`: from a configuration, a fresh model and packed text to a run folder with a finished model.

Read `run_session` from top to bottom: what is built, in which order; `LanguageModelTrainer` says what happens in a step.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from babyllama import console
from babyllama.architectures import family
from babyllama.artifacts import recover_folder
from babyllama.config import Config
from babyllama.config.tables import OBJECTIVES
from babyllama.dataset import sample_blocks
from babyllama.processes import process_index
from babyllama.runs import RunPaths, RunRecord, TrainingMetrics
from babyllama.runs.rows import LOSS_COLUMNS, RowsFile
from babyllama.training import compiling, micro_batch
from babyllama.training.arguments import quiet_libraries, training_arguments
from babyllama.training.attention import short_row_attention
from babyllama.training.data.batch_plan import BatchPlan, batch_plan
from babyllama.training.data.blocks import Blocks, HeldOut
from babyllama.training.hooks.base import Hook
from babyllama.training.hooks.best import BestModel
from babyllama.training.hooks.curve import TaskCurve, curve_columns, curve_task
from babyllama.training.hooks.display import Display
from babyllama.training.hooks.guard import LossGuard
from babyllama.training.hooks.interruption import Interruption, TrainingInterrupted
from babyllama.training.hooks.journal import Journal
from babyllama.training.hooks.recorder import Recorder
from babyllama.training.hooks.state import Clock, RunState
from babyllama.training.hooks.words_seen import WordCheckpoints, announcement
from babyllama.training.machine import Machine
from babyllama.training.memory import is_out_of_memory, out_of_memory
from babyllama.training.metrics import say_metrics, training_metrics
from babyllama.training.network import training_network
from babyllama.training.objectives.base import Objective
from babyllama.training.optim.average import WeightAverage
from babyllama.training.optim.schedule import Schedule
from babyllama.training.saving import checkpoints
from babyllama.training.saving.checkpoints import MadeWith, Resume
from babyllama.training.saving.model_folder import save_model_folder
from babyllama.training.saving.saver import Saver
from babyllama.training.trackers import Trackers, about, prepare_trackers
from babyllama.training.trainer import LanguageModelTrainer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


@dataclass(frozen=True)
class Session:
    """What `train` was given, and the machine it found."""

    config: Config
    machine: Machine
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    train_blocks: Blocks
    eval_blocks: Blocks | None
    paths: RunPaths
    record: RunRecord
    """Its decisions are made once, here, and found again on resume."""

    @property
    def is_main(self) -> bool:
        """Is this the process that writes and speaks?"""
        return process_index() == 0

    def plan(self) -> BatchPlan:
        """The arithmetic of steps, once the micro-batch is decided."""
        auto = self.config.training.batch_size == "auto"
        return batch_plan(
            self.config,
            num_blocks=len(self.train_blocks),
            devices=self.machine.devices,
            micro_batch=self.record.decisions.micro_batch if auto else None,
        )


def train(
    config: Config,
    *,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    train_dataset: Blocks,
    eval_dataset: Blocks | None,
    paths: RunPaths,
    record: RunRecord,
    machine: Machine | None = None,
    resume: Resume = None,
    force: bool = False,
) -> TrainingMetrics:
    """Train `model` as `config` says and leave losses.csv, checkpoints/, final/ and training_metrics.json in `paths`.

    `check_training` finds beforehand what a user can mend. Raises CheckpointError for a checkpoint that is damaged or was
    made otherwise (with `force` only said), TrainingError when the loss is not a number, memory or disk run out;
    TrainingInterrupted (a SystemExit, code 128 + the signal's number) after SIGINT, SIGTERM, SIGHUP or SIGUSR1, with a
    checkpoint saved.
    """
    machine = machine or Machine.find(config.training)
    session = Session(config, machine, model, tokenizer, train_dataset, eval_dataset, paths, record)
    if session.is_main:
        checkpoints.clear_leftovers(paths.checkpoints)
    checkpoint = checkpoints.starting_point(paths, resume)
    if checkpoint is not None:
        checkpoints.check_made_with(checkpoint, MadeWith.of(config, record), force=force)
    if config.training.gradient_checkpointing:
        # Non-reentrant recomputation is the kind that works with any input and with DistributedDataParallel.
        model.activation_checkpointing_enable({"use_reentrant": False})
    with quiet_libraries():
        return _until_it_fits(session, checkpoint)


def _until_it_fits(session: Session, checkpoint: Path | None) -> TrainingMetrics:
    """Run the session; where memory runs out under `batch_size: auto`, again with a smaller micro-batch."""
    training, machine, model = session.config.training, session.machine, session.model
    auto = training.batch_size == "auto"
    start = {name: tensor.cpu().clone() for name, tensor in model.state_dict().items()} if auto else None
    while True:
        try:
            return run_session(session, checkpoint)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            plan, size = session.plan(), None
            if start is not None and training.effective_batch_size is not None:
                size = micro_batch.smaller(plan.micro_batch, training.effective_batch_size, plan.devices)
            if size is None or start is None:
                raise out_of_memory(session.config, plan, machine.device) from error
            console.say(f"out of memory with {plan.micro_batch} sequences at once: going on with {size}")
            session.record.decisions.micro_batch = size
            if session.is_main:
                session.record.save(session.paths)
        # Out here the exception is gone, and with it the last references to the tensors that did not fit.
        gc.collect()
        if machine.device.type == "cuda":
            torch.cuda.empty_cache()
        checkpoint = checkpoints.newest_checkpoint(session.paths)
        model.load_state_dict(start)


def run_session(session: Session, checkpoint: Path | None) -> TrainingMetrics:
    """Train from `checkpoint` (or the start) to the end."""
    config, machine, model, decisions = session.config, session.machine, session.model, session.record.decisions
    objective: Objective = OBJECTIVES.get(config.training.objective).build(config, session.tokenizer)
    objective.prepare(model, machine, session.train_blocks)
    session.record.objective = objective.facts()
    patches = family(config.model.type).training(model)
    attention = short_row_attention(model, machine, config.data.seq_length)
    with patches, attention, training_network(model, objective), Interruption() as interruption:
        if config.training.batch_size == "auto" and decisions.micro_batch is None:
            decisions.micro_batch = micro_batch.choose(model, config, objective, machine)
        plan = session.plan()
        schedule = Schedule.from_config(config, plan.total_steps(config.training.num_epochs, config.training.max_steps))
        _announce(plan, schedule)
        if config.training.word_checkpoints:
            words = session.train_blocks.num_words * schedule.total_steps / plan.steps_per_epoch
            console.say(announcement(round(words)))
        objective.begin(plan, schedule.total_steps)
        if decisions.compile is None or config.training.torch_compile != "auto":
            decisions.compile = compiling.should_compile(model, config, objective, plan, machine, schedule.total_steps)
        if decisions.compile:
            compiling.compile_blocks(model)
            objective.compile()
        trackers = prepare_trackers(config, decisions) if session.is_main else Trackers()
        if session.is_main:
            session.record.save(session.paths)
        journal = _journal(session, objective, schedule, checkpoint, interruption, trackers)
        arguments = training_arguments(config, output_dir=session.paths.checkpoints, machine=machine, plan=plan)
        # An evaluation that was put off comes before anything else.
        arguments.eval_on_start = journal.state.evaluation_due
        trainer = LanguageModelTrainer(
            model,
            arguments,
            config=config,
            objective=objective,
            plan=plan,
            schedule=schedule,
            blocks=session.train_blocks,
            held_out=_held_out(session),
            journal=journal,
            saver=_saver(session, checkpoint),
            hooks=_hooks(session, checkpoint),
            compiled=decisions.compile,
        )
        trackers.start(about(config, session.paths, decisions))
        try:
            trainer.run(checkpoint)
        finally:
            trackers.finish()
        if not trainer.is_over:
            message = f"stopped after step {trainer.state.global_step}; continue with --resume_from_checkpoint"
            console.announce(message)
            raise TrainingInterrupted(interruption.signal_number or 15, message)
        resumed_from = None if checkpoint is None else checkpoints.step_of(checkpoint)
        metrics = training_metrics(trainer, machine, compiled=decisions.compile, resumed_from_step=resumed_from)
        weights = trainer.gathered_weights()
        if trainer.args.should_save:
            _write_final(trainer, weights)
            metrics.save(session.paths)
            say_metrics(metrics)
        trainer.accelerator.wait_for_everyone()
    return metrics


def _announce(plan: BatchPlan, schedule: Schedule) -> None:
    console.say(plan.describe())
    console.say(
        f"{plan.num_blocks:,} blocks, {plan.steps_per_epoch:,} steps per epoch, {schedule.total_steps:,} steps in all"
    )
    warning = schedule.warning()
    if warning:
        console.warn(warning)


def _journal(
    session: Session,
    objective: Objective,
    schedule: Schedule,
    checkpoint: Path | None,
    interruption: Interruption,
    trackers: Trackers,
) -> Journal:
    state = RunState() if checkpoint is None else RunState.restored(checkpoints.read_state(checkpoint))
    step = None if checkpoint is None else checkpoints.step_of(checkpoint)
    clock, device = Clock(state), session.machine.device
    losses, lr = session.paths.losses, session.config.training.lr
    file = display = None
    if session.is_main:
        columns = (*LOSS_COLUMNS, *objective.parts)
        file = RowsFile(losses, columns, resume_step=step, fingerprint=state.curves.get(losses.name))
        display = Display(schedule.total_steps, step or 0)
    recorder = Recorder(
        state, clock, parts=objective.parts, file=file, display=display, total_steps=schedule.total_steps, device=device
    )
    guard = LossGuard(
        session.paths.checkpoints,
        learning_rate=lambda number: lr * schedule(number - 1),
        immediate=device.type == "cpu",
        fp16=session.machine.precision.name == "fp16",
    )
    return Journal(state, clock, recorder, guard, interruption, trackers)


def _held_out(session: Session) -> HeldOut | None:
    if session.eval_blocks is None:
        return None
    config = session.config
    drawn = sample_blocks(session.eval_blocks, config.data.eval_samples)  # type: ignore[arg-type]
    return HeldOut(session.eval_blocks, drawn.tolist())


def _saver(session: Session, checkpoint: Path | None) -> Saver:
    config = session.config
    average = None
    if config.optimization.ema_decay is not None:
        average = WeightAverage(session.model, config.optimization.ema_decay)
        if checkpoint is not None:
            average.load(checkpoint)
    made_with = MadeWith.of(config, session.record)
    return Saver(session.paths, session.tokenizer, made_with, config.training.save_total_limit, average)


def _hooks(session: Session, checkpoint: Path | None) -> list[Hook]:
    config, training = session.config, session.config.training
    hooks: list[Hook] = []
    if training.word_checkpoints:
        hooks.append(WordCheckpoints())
    if training.keep_best:
        hooks.append(BestModel())
    step = None if checkpoint is None else checkpoints.step_of(checkpoint)
    for name, words in config.curves.items():
        task = curve_task(config, name)
        path = session.paths.curve(name)
        file = RowsFile(path, curve_columns(task), resume_step=step) if session.is_main else None
        hooks.append(TaskCurve(config, task, words, file))
    return hooks


def _write_final(trainer: LanguageModelTrainer, weights: dict[str, Any] | None) -> None:
    saver, state = trainer.saver, trainer.journal.state
    best = saver.paths.best
    recover_folder(best)
    if trainer.config.training.keep_best and state.best_step is not None and best.is_dir():
        from transformers import AutoModelForCausalLM

        console.say(f"final model: that of step {state.best_step}, held-out loss {state.best_eval_loss:.4f}")
        shipped = AutoModelForCausalLM.from_pretrained(best, trust_remote_code=False)
        save_model_folder(saver.paths.final, shipped, saver.tokenizer)
    else:
        saver.save_model(saver.paths.final, trainer.model, weights=weights)
