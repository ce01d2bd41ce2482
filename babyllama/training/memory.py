"""How much memory a run took, and what to do when there was not enough."""

from __future__ import annotations

import resource
import sys

import torch

from babyllama.config import Config
from babyllama.errors import TrainingError
from babyllama.training.data.batch_plan import BatchPlan


def peak_memory_bytes(device: torch.device) -> int:
    """Most memory used so far: allocated on the GPU, or resident in this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def is_out_of_memory(error: RuntimeError) -> bool:
    """Is this how torch says that memory is exhausted, on a GPU or in the CPU's allocator?"""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def out_of_memory(config: Config, plan: BatchPlan, device: torch.device) -> TrainingError:
    """The advice for a GPU that is too small, with this run's numbers."""
    training = config.training
    total = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else 0
    size = f" ({total / 2**30:.0f} GiB)" if total else ""
    advice = []
    if plan.micro_batch > 1:
        half = plan.micro_batch // 2
        advice.append(
            f"training.batch_size={half} training.gradient_accumulation_steps={plan.accumulation * 2} (the same "
            "sequences per step)"
        )
    if not training.gradient_checkpointing:
        advice.append("training.gradient_checkpointing=true")
    if training.precision == "fp32":
        advice.append("training.precision=auto")
    advice.append("a shorter data.seq_length")
    return TrainingError(
        f"out of memory on {device}{size} with {plan.micro_batch} sequences of {plan.seq_length} tokens at once. "
        f"Try, in this order: {'; '.join(advice)}. Continue with --resume_from_checkpoint if a checkpoint was saved."
    )
