"""How the model is trained: how long, in which steps, on what."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from babyllama.config.types import (
    Count,
    CountOrZero,
    DeviceName,
    Optional_,
    Positive,
    Section,
    Seed,
    Text,
    Threads,
    Width,
)


class TrainingSection(Section):
    """How the model is trained."""

    objective: Text = "causal"
    """What is learned: `causal` is the next token from those before it; `masked` hidden tokens from both sides; `hybrid` rows of
    both kinds (section `objective`); `distillation` the next token from the text and from teachers (section `distillation`)."""
    lr: Positive = 3e-4
    """Peak learning rate (with Muon: of embeddings, output layer and norms)."""
    batch_size: Width | Literal["auto"] = 32
    """Sequences per device in one forward pass (the micro-batch); `auto`, with `effective_batch_size`, takes the largest
    that fits."""
    effective_batch_size: Annotated[Count | None, Optional_] = None
    """Sequences per optimizer step over all devices; when given, the accumulation steps follow from it."""
    num_epochs: Annotated[float, Field(gt=0, le=1e6)] = 1
    """Passes over the training text."""
    max_steps: Annotated[Count | None, Optional_] = None
    """Stop after this many optimizer steps instead of `num_epochs`."""
    gradient_accumulation_steps: Count = 1
    """Micro-batches per optimizer step; the loss averages over all their target tokens."""
    warmup_steps: CountOrZero = 0
    """Optimizer steps over which the learning rate rises from zero."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Number format of the matrix products; `auto` takes bf16 where the hardware computes it, fp16 on older CUDA, else fp32."""
    fp16: bool = False
    """Old spelling of `precision: fp16`."""
    bf16: bool = False
    """Old spelling of `precision: bf16`."""
    torch_compile: bool | Literal["auto"] = False
    """Compile the model; `auto` does it when the run is long enough to pay the compile time back."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""
    dataloader_num_workers: Annotated[int, Field(ge=0, le=1024)] = 0
    """Processes that read blocks ahead; memory-mapped blocks rarely need any."""
    save_steps: Annotated[Count | None, Optional_] = None
    """Optimizer steps between checkpoints; null saves at each epoch's end."""
    save_total_limit: Annotated[Count | None, Optional_] = 2
    """How many Trainer checkpoints are kept; null keeps all."""
    eval_steps: Annotated[Count | None, Optional_] = None
    """Optimizer steps between evaluations; null evaluates at each epoch's end."""
    logging_steps: Count = 10
    """Optimizer steps between rows of losses.csv."""
    seed: Seed = 42
    """Seeds weights, data order, dropout and the held-out sample."""
    device: DeviceName = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    threads: Annotated[Threads | None, Optional_] = None
    """CPU threads; null takes the cores this process may use."""
    word_checkpoints: bool = False
    """Save ready-to-upload models by words seen on the BabyLM schedule: every 1M to 10M, 10M to 100M, 100M to 1000M."""
    keep_best: bool = False
    """Use the checkpoint with the lowest held-out loss as the final model."""
    blimp_every_words: Annotated[Count | None, Optional_] = None
    """Old spelling of `evaluation.curve_tasks: [blimp]` with `evaluation.curve_every_words`."""
