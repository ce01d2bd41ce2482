"""Configuration -> the Trainer's arguments, and its silence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from babyllama.config import Config
from babyllama.evaluation.models import without_progress_bars
from babyllama.training.data.batch_plan import BatchPlan
from babyllama.training.machine import Machine


class SingleDeviceArguments(TrainingArguments):
    """Training arguments whose process uses one device, the one the configuration names.

    The Trainer would otherwise share a process's visible GPUs through DataParallel; several GPUs are torchrun's job.
    """

    _n_gpu: int

    def __post_init__(self) -> None:
        super().__post_init__()
        self._n_gpu = min(1, self._n_gpu)


def training_arguments(
    config: Config,
    *,
    output_dir: Path,
    machine: Machine,
    plan: BatchPlan,
) -> TrainingArguments:
    """The Trainer's view of the run. When to log, evaluate and save is StepControl's business."""
    training, section, device = config.training, config.optimization, machine.device
    values: dict[str, Any] = {
        "output_dir": str(output_dir),
        "per_device_train_batch_size": plan.micro_batch,
        "per_device_eval_batch_size": plan.micro_batch,
        "gradient_accumulation_steps": plan.accumulation,
        "num_train_epochs": training.num_epochs,
        "max_steps": training.max_steps if training.max_steps is not None else -1,
        "learning_rate": training.lr,
        "max_grad_norm": section.max_grad_norm,
        "bf16": machine.precision.name == "bf16",
        "fp16": machine.precision.name == "fp16",
        "seed": training.seed,
        "use_cpu": device.type == "cpu",
        "logging_strategy": "no",
        "eval_strategy": "no",
        "save_strategy": "no",
        # A NaN must be seen, not replaced by the mean of the losses before it.
        "logging_nan_inf_filter": False,
        "report_to": [],  # trackers are ours to tell (training/trackers/)
        "disable_tqdm": True,
        "log_level": "error",
        "log_level_replica": "error",
        "dataloader_num_workers": training.dataloader_num_workers,
        "remove_unused_columns": False,
        # The forward pass of training keeps no cache; this is what the saved configuration says to those who generate.
        "use_cache": True,
        "label_names": ["labels"],
        "ddp_find_unused_parameters": False,
    }
    if device.type == "cpu" and plan.devices > 1:
        values["ddp_backend"] = "gloo"
    arguments = SingleDeviceArguments(**values)
    if device.type == "cuda" and device.index is not None and plan.devices == 1:
        # The Trainer always takes the first GPU; the one that was asked for goes where it keeps its choice.
        torch.cuda.set_device(device)
        arguments.__dict__["_setup_devices"] = device
    return arguments


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep transformers' own notes off the console; ours say what matters."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with without_progress_bars():
            yield
    finally:
        logging.set_verbosity(level)
