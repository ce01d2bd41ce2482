"""`train`: from a configuration, a fresh model and packed text to a run folder with a finished model."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from babyllama.config import Config
from babyllama.device import choose_device, choose_precision
from babyllama.errors import RunError
from babyllama.processes import join_processes, process_index
from babyllama.runs import RunPaths, RunRecord, TrainingMetrics
from babyllama.training import checkpoints, micro_batch
from babyllama.training.batches import Blocks
from babyllama.training.checks import Resume, check_training
from babyllama.training.console import note
from babyllama.training.memory import is_out_of_memory, out_of_memory
from babyllama.training.session import Job, run_session


def train(
    config: Config,
    *,
    model: Any,
    tokenizer: Any,
    train_dataset: Blocks,
    eval_dataset: Blocks | None,
    paths: RunPaths,
    record: RunRecord,
    resume: Resume = None,
    force: bool = False,
) -> TrainingMetrics:
    """Train `model` as `config` says and leave losses.csv, checkpoints/, final/ and training_metrics.json in `paths`.

    `resume` is None, "newest" (starts anew, saying so, when there is no checkpoint) or the path of a checkpoint;
    What is decided once (micro-batch, compilation, tracker id) is kept in the run's record. Raises TrainingError when the loss is not a number, memory or disk run out;
    what `check_training` raises; TrainingInterrupted (a SystemExit, code 130 or 143) after SIGINT or
    SIGTERM, with a checkpoint saved.
    """
    check_training(
        config,
        resume=resume,
        train_dataset=train_dataset,
        eval_dataset=eval_dataset,
        model_rows=model.get_input_embeddings().weight.shape[0],
    )
    device = choose_device(config.training.device)
    job = Job(
        config=config,
        model=model,
        tokenizer=tokenizer,
        train_dataset=train_dataset,
        eval_dataset=eval_dataset,
        paths=paths,
        device=device,
        precision=choose_precision(config.training, device),
        devices=join_processes(device),
    )
    if process_index() == 0:
        checkpoints.clear_leftovers(paths.checkpoints)
    checkpoint = _checkpoint(paths, resume)
    if checkpoint is not None:
        checkpoints.check_made_with(checkpoint, checkpoints.MadeWith.of(config, record), force=force)
    if config.training.gradient_checkpointing:
        # Non-reentrant recomputation is the kind that works with any input and with DistributedDataParallel.
        model.activation_checkpointing_enable({"use_reentrant": False})
    start = (
        None if config.training.batch_size != "auto" else {k: v.cpu().clone() for k, v in model.state_dict().items()}
    )
    with _quiet_libraries():
        while True:
            try:
                return run_session(job, checkpoint, record)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                plan = job.plan(record.decisions)
                effective = config.training.effective_batch_size
                size = None
                if start is not None and effective is not None:
                    size = micro_batch.smaller(plan.micro_batch, effective, plan.devices)
                if size is None or start is None:
                    raise out_of_memory(config, plan, device) from error
                note(f"out of memory with {plan.micro_batch} sequences at once: going on with {size}")
                record.decisions.micro_batch = size
                if process_index() == 0:
                    record.save(paths)
            # Out here the exception is gone, and with it the last references to the tensors that did not fit.
            gc.collect()
            if device.type == "cuda":
                torch.cuda.empty_cache()
            checkpoint = checkpoints.newest_checkpoint(paths)
            model.load_state_dict(start)


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
        return Path(resume)
    newest = checkpoints.newest_checkpoint(paths)
    if newest is None:
        note(f"no {'good ' if existing else ''}checkpoint in {paths.checkpoints} yet: training starts anew")
    return newest


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
