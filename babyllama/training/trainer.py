"""The Hugging Face Trainer with BabyLlama's data order, loss, evaluation, checkpoints and records.

The loop, accumulation, clipping, mixed precision and every distributed mode are the Trainer's and accelerate's.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainingArguments

from babyllama.errors import CheckpointError, TrainingError
from babyllama.training import checkpoints
from babyllama.training.batches import evaluation_batches, training_loader
from babyllama.training.callbacks import StepControl
from babyllama.training.console import perplexity
from babyllama.training.optimizers import build_optimizer, group_settings, put_settings
from babyllama.training.parts import RunParts
from babyllama.training.saving import WRITE_FAILURES


class LanguageModelTrainer(Trainer):
    """Trains a causal model whose forward is `training_forward` on packed blocks."""

    loss_is_scaled_for_ga = True
    optimizer: Any
    lr_scheduler: Any
    control: Any

    def __init__(self, model: Any, args: TrainingArguments, parts: RunParts, callbacks: list[Any]) -> None:
        self.parts = parts
        self._saving = False
        super().__init__(model=model, args=args, callbacks=[StepControl(parts), *callbacks])
        self.remove_callback(PrinterCallback)
        # Our forward takes the loss sums apart itself, whatever the family's signature says.
        self.model_accepts_loss_kwargs = True
        self._plain_loss = torch.zeros(())

    # -----------------------------------------------------------------------------------------------------------------
    # Data

    def get_train_dataloader(self) -> Any:
        """Micro-batches of this process; sharded by our own sampler, so accelerate has nothing to add."""
        training = self.parts.config.training
        return training_loader(
            self.parts.train_blocks,
            self.parts.plan,
            seed=training.seed,
            rank=self.args.process_index,
            document_attention=self.parts.config.data.document_attention,
            workers=training.dataloader_num_workers,
            pin_memory=self.args.device.type == "cuda",
        )

    def get_batch_samples(self, epoch_iterator: Iterator[Any], num_batches: int, device: Any) -> tuple[list, Any]:
        """The micro-batches of one optimizer step, and its number of target tokens over all devices."""
        batches = list(itertools.islice(epoch_iterator, num_batches))
        counts = [sum(batch.pop(name) for batch in batches) for name in ("targets", "tokens", "words")]
        interrupted = self.parts.interruption.requested
        if self.args.world_size > 1:
            # One small collective per step: the counts, and whether any process was asked to stop.
            local = torch.tensor([[*counts, int(interrupted)]], dtype=torch.int64, device=self.args.device)
            *counts, flags = self.accelerator.gather(local).sum(0).tolist()
            interrupted = flags > 0
        self.parts.interruption.agreed = interrupted
        targets, self.parts.step_tokens, self.parts.step_words = counts
        return batches, max(1, targets)

    # -----------------------------------------------------------------------------------------------------------------
    # Loss

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Objective of one micro-batch over the step's target tokens; gradients of all micro-batches add up to the mean.

        DistributedDataParallel averages gradients over devices, so each device's share counts `world_size` times.
        """
        sums = model(**inputs)
        share = self.args.world_size / num_items_in_batch
        self._plain_loss = sums["cross_entropy"].detach() * share
        loss = sums["objective"] * share
        return (loss, sums) if return_outputs else loss

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Forward and backward of one micro-batch; returns its part of the plain cross-entropy, which is what is logged."""
        super().training_step(*args, **kwargs)
        self.parts.guard.add(self._plain_loss)
        self.parts.recorder.add_loss(self._plain_loss)
        return self._plain_loss

    def _clip_grad_norm(self, model: Any) -> Any:
        norm = super()._clip_grad_norm(model)
        self.parts.guard.gradient_norm = norm
        return norm

    # -----------------------------------------------------------------------------------------------------------------
    # Optimizer

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """The optimizer of the `optimization` section."""
        if self.optimizer is None:
            self.optimizer = build_optimizer(self.model if model is None else model, self.parts.config)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The learning-rate schedule of the `optimization` section."""
        if self.lr_scheduler is None:
            schedule = self.parts.schedule
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
        parts = self.parts
        if parts.eval_blocks is None:
            return {}
        batches = evaluation_batches(
            parts.eval_blocks,
            parts.eval_indices,
            micro_batch=parts.plan.micro_batch,
            rank=self.args.process_index,
            devices=self.args.world_size,
            document_attention=parts.config.data.document_attention,
        )
        if self._defer_evaluation():
            return {}
        total, targets = 0.0, 0
        model = self.model
        model.eval()
        shipped = parts.average.applied(model) if parts.average is not None else contextlib.nullcontext()
        with shipped, torch.no_grad():
            for batch in batches:
                targets += batch.pop("targets")
                batch.pop("tokens"), batch.pop("words")
                total += float(model(**self._prepare_inputs(batch))["cross_entropy"])
                if self.args.world_size == 1 and parts.interruption.requested:
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
        parts = self.parts
        alone = self.args.world_size == 1 and parts.interruption.requested
        if not (parts.interruption.agreed or alone):
            return False
        parts.state.evaluation_due = True
        self.control.should_evaluate = False
        self.control.should_save = self.control.should_training_stop = True
        return True

    def _evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        owed = self.parts.state.evaluation_due
        self.parts.state.evaluation_due = False
        metrics = super()._evaluate(*args, **kwargs)
        if owed and not self.parts.state.evaluation_due:
            self.parts.recorder.flush()
        return metrics

    def pay_evaluation(self) -> None:
        """Do the evaluation that a stopped run still owes, outside of training."""
        self.accelerator.prepare_model(self.model, evaluation_mode=True)
        self._evaluate(None, None)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Make a row of losses.csv of a training log, then tell the trackers."""
        if "loss" in logs:
            # Our own sum: unlike the Trainer's, it goes on across a resume.
            sums = self._loss_sums()
            mean = sum(sums) / len(sums)
            if self.accelerator.scaler is not None:
                self.parts.guard.check_scale(self.state.global_step, self.accelerator.scaler.get_scale())
            logs = self.parts.recorder.row(
                self.state.global_step, self.parts.plan.epochs(self.state.global_step), mean, logs
            )
        super().log(logs)

    def _loss_sums(self) -> list[float]:
        """The running sum of every process; all of them must ask."""
        own = self.parts.recorder.loss_sum.reshape(1)
        return (self.accelerator.gather(own) if self.args.world_size > 1 else own).tolist()

    def tell(self, values: dict[str, float]) -> None:
        """Report `values` to the trackers from inside a step, without taking the place of the step's own log."""
        due = self.control.should_log
        self.log(values)
        self.control.should_log = due

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> None:
        self.parts.clock.training(False)
        super()._maybe_log_save_evaluate(*args, **kwargs)
        self.parts.recorder.flush()
        self.parts.clock.training(True)

    # -----------------------------------------------------------------------------------------------------------------
    # Checkpoints

    def _get_output_dir(self, trial: Any) -> str:
        folder = self.parts.checkpoints
        return str(checkpoints.saving_folder(folder) if self._saving else folder)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Put the checkpoint together under a hidden name, then rename it; see babyllama.training.checkpoints."""
        parts, step = self.parts, self.state.global_step
        parts.guard.check_now()
        parts.recorder.flush()
        parts.clock.tick()
        parts.recorder.remember(self._loss_sums())
        # losses.csv is the record; the Trainer's own history would grow with every step and every checkpoint.
        self.state.log_history = self.state.log_history[-1:]
        folder = parts.checkpoints
        if self.args.should_save:
            checkpoints.clear_leftovers(folder)
        self.accelerator.wait_for_everyone()
        self._saving = True
        try:
            super()._save_checkpoint(model, trial)
            self.accelerator.wait_for_everyone()
            if self.args.should_save:
                whole = checkpoints.checkpoint_path(checkpoints.saving_folder(folder), step)
                checkpoints.write_state(whole, parts.state.saved())
                if parts.average is not None:
                    parts.average.save(whole)
                checkpoints.seal(whole, checkpoints.checkpoint_path(folder, step), step, parts.made_with)
                checkpoints.clear_leftovers(folder)
                checkpoints.prune(folder, parts.config.training.save_total_limit)
        except WRITE_FAILURES as error:
            checkpoints.clear_leftovers(folder)
            raise TrainingError(_not_written(folder, step, error)) from error
        finally:
            self._saving = False
        self.accelerator.wait_for_everyone()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        checkpoints.check_fits(Path(resume_from_checkpoint), self.accelerator.unwrap_model(self.model))
        super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        wanted = group_settings(self.optimizer)
        try:
            super()._load_optimizer_and_scheduler(checkpoint)
        except (KeyError, ValueError) as error:
            raise CheckpointError(
                f"checkpoint {checkpoint} has the state of another optimizer ({error}); resume with the configuration "
                "it was made with."
            ) from error
        except UNREADABLE as error:
            raise CheckpointError(_unreadable(checkpoint, "optimizer or scheduler", error)) from error
        put_settings(self.optimizer, self.lr_scheduler, wanted)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        try:
            super()._load_rng_state(checkpoint)
        except (*UNREADABLE, KeyError, ValueError) as error:
            raise CheckpointError(_unreadable(checkpoint, "random", error)) from error

    def _load_scaler(self, checkpoint: str | None) -> None:
        try:
            super()._load_scaler(checkpoint)
        except (*UNREADABLE, KeyError, ValueError) as error:
            raise CheckpointError(_unreadable(checkpoint, "loss-scale", error)) from error

    def gathered_weights(self) -> dict[str, Any] | None:
        """The whole state dict where FSDP has spread it over the processes (all of them must ask), None elsewhere."""
        return self.accelerator.get_state_dict(self.model) if self.is_fsdp_enabled else None

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        if self.args.should_save and output_dir is not None:
            model = self.accelerator.unwrap_model(self.model, keep_torch_compile=False)
            os.makedirs(output_dir, exist_ok=True)
            model.save_pretrained(output_dir, state_dict=state_dict)


UNREADABLE = (pickle.UnpicklingError, EOFError, RuntimeError, TypeError, AttributeError, ImportError)
"""What torch raises for a file that is not of its own making; it never runs code from one (weights_only)."""


def _unreadable(checkpoint: str | None, what: str, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        f"checkpoint {checkpoint}: its {what} state cannot be read ({reason}). Resume from another checkpoint, or train "
        "anew with --overwrite."
    )


def _not_written(folder: Path, step: int, error: Exception) -> str:
    whole = checkpoints.checkpoints_by_step(folder)
    kept = f"the checkpoint of step {whole[-1][0]} is kept" if whole else "there is no earlier checkpoint"
    return (
        f"the checkpoint of step {step} could not be written to {folder}: {error}. Training stops; {kept}. Free some "
        "space, then continue with --resume_from_checkpoint."
    )
