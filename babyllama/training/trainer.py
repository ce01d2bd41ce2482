"""The Hugging Face Trainer with BabyLlama's data order, loss, evaluation, checkpoints and records.

The loop, accumulation, clipping, mixed precision and every distributed mode are the Trainer's and accelerate's. What is
overridden of it stands in `OVERRIDES`, each with its reason; a test fails when transformers changes one of them.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PrinterCallback, TrainingArguments

from babyllama import console
from babyllama.config import Config
from babyllama.config.tables import OPTIMIZERS
from babyllama.text import perplexity
from babyllama.training.data.batch_plan import BatchPlan
from babyllama.training.data.batches import evaluation_batches, training_loader
from babyllama.training.data.blocks import Blocks, HeldOut
from babyllama.training.hooks.base import Hook
from babyllama.training.hooks.journal import Journal
from babyllama.training.hooks.step_control import StepControl
from babyllama.training.network import Sums
from babyllama.training.objectives.base import TARGETS, Objective
from babyllama.training.optim.schedule import Schedule
from babyllama.training.saving import checkpoints
from babyllama.training.saving.checkpointing import CheckpointingTrainer
from babyllama.training.saving.saver import Saver

OVERRIDES = {
    "get_train_dataloader": "our sampler decides which blocks make up a step, on every device",
    "get_batch_samples": "the objective's counts, not labels, say how many targets a step has",
    "compute_loss": "loss sums over the step's targets; the Trainer would average micro-batches",
    "training_step": "records the plain cross-entropy, not the objective with its smoothing",
    "_clip_grad_norm": "the guard against losses that are no number looks at the norm",
    "create_optimizer": "the optimizer of the `optimization` section",
    "create_scheduler": "the schedule of the `optimization` section",
    "_get_learning_rate": "Muon's matrices have another peak; the reported rate is AdamW's",
    "evaluate": "the mean over target tokens of a fixed sample, all devices together, of the shipped weights",
    "_evaluate": "an evaluation that was put off by a stop is done first on resume",
    "log": "a training log becomes a row of losses.csv, exact across a resume",
    "_maybe_log_save_evaluate": "the training clock stands still meanwhile; the row is written before the checkpoint",
    "_get_output_dir": "a checkpoint is put together under a hidden name",
    "_save_checkpoint": "a checkpoint is whole or absent, sealed, and holds our state",
    "_save": "weights and configuration only; the tokenizer lies in the run folder",
    "_load_from_checkpoint": "weights that do not fit are one clear line",
    "_load_optimizer_and_scheduler": "the configuration's hyper-parameters count, not the checkpoint's",
    "_load_rng_state": "a file that cannot be read is one clear line",
    "_load_scaler": "a file that cannot be read is one clear line",
}
"""Method of `transformers.Trainer` -> why ours is another."""


class LanguageModelTrainer(CheckpointingTrainer):
    """Trains a causal model under `training_network` on packed blocks."""

    loss_is_scaled_for_ga = True
    optimizer: Any
    lr_scheduler: Any
    control: Any

    def __init__(
        self,
        model: PreTrainedModel,
        args: TrainingArguments,
        *,
        config: Config,
        objective: Objective,
        plan: BatchPlan,
        schedule: Schedule,
        blocks: Blocks,
        held_out: HeldOut | None,
        journal: Journal,
        saver: Saver,
        hooks: Sequence[Hook] = (),
        compiled: bool = False,
    ) -> None:
        self.config, self.objective, self.plan, self.schedule = config, objective, plan, schedule
        self.blocks, self.held_out, self.journal, self.saver = blocks, held_out, journal, saver
        super().__init__(model=model, args=args, callbacks=[StepControl(self, hooks, compiled=compiled)])
        self.remove_callback(PrinterCallback)
        # Our forward takes the loss sums apart itself, whatever the family's signature says.
        self.model_accepts_loss_kwargs = True
        self._plain_loss = torch.zeros(())
        self._part_sums: list[torch.Tensor] = []

    def run(self, checkpoint: Path | None) -> None:
        """Train from `checkpoint` (or the start) to the end, or to the interruption."""
        step = None if checkpoint is None else checkpoints.step_of(checkpoint)
        if checkpoint is not None and step is not None and step >= self.schedule.total_steps:
            # All steps were taken before the kill; only the writing of final/ is left.
            self._load_from_checkpoint(str(checkpoint))
            self.state.global_step = step
            console.say(f"{checkpoint} is the end of the run: nothing left to train")
            self.journal.recorder.start(step)
            if self.journal.state.evaluation_due:
                self.accelerator.prepare_model(self.model, evaluation_mode=True)
                self._evaluate(None, None)
            return
        if checkpoint is not None:
            console.say(f"resuming after step {step} from {checkpoint}")
        display = self.journal.recorder.display
        with display.shown() if display is not None else contextlib.nullcontext():
            self.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))

    @property
    def is_over(self) -> bool:
        """Have all steps been taken, and is no evaluation owed?"""
        return self.state.global_step >= self.schedule.total_steps and not self.journal.state.evaluation_due

    # -----------------------------------------------------------------------------------------------------------------
    # Data

    def get_train_dataloader(self) -> Any:
        """Micro-batches of this process; sharded by our own sampler, so accelerate has nothing to add."""
        return training_loader(
            self.blocks,
            self.plan,
            self.objective.collator(training=True),
            seed=self.config.training.seed,
            rank=self.args.process_index,
            workers=self.config.training.dataloader_num_workers,
            pin_memory=self.args.device.type == "cuda",
        )

    def get_batch_samples(self, epoch_iterator: Iterator[Any], num_batches: int, device: Any) -> tuple[list, Any]:
        """The micro-batches of one optimizer step, and its number of target tokens over all devices."""
        batches = list(itertools.islice(epoch_iterator, num_batches))
        counts: dict[str, int] = {}
        for batch in batches:
            for name, count in batch.pop("counts").items():
                counts[name] = counts.get(name, 0) + count
        interruption = self.journal.interruption
        interrupted = interruption.requested
        if self.args.world_size > 1:
            # One small collective per step: the counts, and whether any process was asked to stop.
            local = torch.tensor([[*counts.values(), int(interrupted)]], dtype=torch.int64, device=self.args.device)
            *sums, flags = self.accelerator.gather(local).sum(0).tolist()
            counts, interrupted = dict(zip(counts, sums, strict=True)), flags > 0
        interruption.agreed = interrupted
        self.journal.begin_step(counts)
        return batches, max(1, counts.get(TARGETS, 0))

    # -----------------------------------------------------------------------------------------------------------------
    # Loss

    def compute_loss(
        self,
        model: PreTrainedModel,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Objective of one micro-batch over the step's target tokens; gradients of all micro-batches add up to the mean.

        DistributedDataParallel averages gradients over devices, so each device's share counts `world_size` times.
        """
        sums: Sums = model(**inputs)
        share = self.args.world_size / num_items_in_batch
        self._plain_loss = sums["cross_entropy"].detach() * share
        self._part_sums = [sums[name].detach() for name in self.objective.parts]
        loss = sums["objective"] * share
        return (loss, sums) if return_outputs else loss

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Forward and backward of one micro-batch; returns its part of the plain cross-entropy, which is what is logged."""
        super().training_step(*args, **kwargs)
        self.journal.guard.add(self._plain_loss)
        self.journal.recorder.add_loss(self._plain_loss, self._part_sums)
        return self._plain_loss

    def _clip_grad_norm(self, model: PreTrainedModel) -> Any:
        norm = super()._clip_grad_norm(model)
        self.journal.guard.gradient_norm = norm
        return norm

    # -----------------------------------------------------------------------------------------------------------------
    # Optimizer

    def create_optimizer(self, model: PreTrainedModel | None = None) -> torch.optim.Optimizer:
        """The optimizer of the `optimization` section."""
        if self.optimizer is None:
            self.optimizer = OPTIMIZERS.get(self.config.optimization.optimizer)(
                self.model if model is None else model, self.config
            )
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The learning-rate schedule of the `optimization` section."""
        if self.lr_scheduler is None:
            schedule = self.schedule
            # A plain function: of a callable object, the state of a checkpoint would overwrite the attributes.
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
                self.optimizer if optimizer is None else optimizer, lambda step: schedule(step)
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def _get_learning_rate(self) -> float:
        # The AdamW groups', which every optimizer has; Muon's matrices follow the same schedule from another peak.
        return next(group["lr"] for group in self.optimizer.param_groups if "betas" in group)

    # -----------------------------------------------------------------------------------------------------------------
    # Evaluation and records

    def evaluate(self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval") -> dict:
        """Mean cross-entropy per target token over the fixed held-out sample, all devices together."""
        if self.held_out is None or self._defer_evaluation():
            return {}
        batches = evaluation_batches(
            self.held_out.blocks,
            self.held_out.indices,
            self.objective.collator(training=False),
            micro_batch=self.plan.micro_batch,
            rank=self.args.process_index,
            devices=self.args.world_size,
        )
        total, targets = 0.0, 0
        model = self.model
        model.eval()
        with self.saver.shipped(model), torch.no_grad():
            for batch in batches:
                targets += batch.pop("counts")[TARGETS]
                total += float(model(**self._prepare_inputs(batch))["cross_entropy"])
                if self.args.world_size == 1 and self.journal.interruption.requested:
                    break
        model.train()
        if self._defer_evaluation():
            return {}
        if self.args.world_size > 1:
            local = torch.tensor([[total, targets]], dtype=torch.float64, device=self.args.device)
            total, targets = self.accelerator.gather(local).sum(0).tolist()
        loss = total / max(1, targets)
        metrics = {f"{metric_key_prefix}_loss": loss, f"{metric_key_prefix}_perplexity": perplexity(loss)}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _defer_evaluation(self) -> bool:
        """Whoever asked the run to stop does not wait for an evaluation: it is owed, and done first on resume."""
        if not self.journal.asked_to_stop(self.args.world_size):
            return False
        self.journal.state.evaluation_due = True
        self.control.should_evaluate = False
        self.control.should_save = self.control.should_training_stop = True
        return True

    def _evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        state = self.journal.state
        owed, state.evaluation_due = state.evaluation_due, False
        metrics = super()._evaluate(*args, **kwargs)
        if owed and not state.evaluation_due:
            self.journal.recorder.flush()
        return metrics

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Make a row of losses.csv of a training log, then tell the trackers."""
        if "loss" in logs:
            step = self.state.global_step
            # Our own sums: unlike the Trainer's, they go on across a resume.
            sums = self._running_sums()
            if self.accelerator.scaler is not None:
                self.journal.guard.check_scale(step, self.accelerator.scaler.get_scale())
            logs = self.journal.recorder.row(step, self.plan.epochs(step), sums, logs)
        self.journal.trackers.log(logs, self.state.global_step)
        super().log(logs)

    def tell(self, values: dict[str, float]) -> None:
        """Report `values` to the trackers from inside a step, without taking the place of the step's own log."""
        due = self.control.should_log
        self.log(values)
        self.control.should_log = due

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> None:
        self.journal.clock.training(False)
        super()._maybe_log_save_evaluate(*args, **kwargs)
        self.journal.recorder.flush()
        self.journal.clock.training(True)
