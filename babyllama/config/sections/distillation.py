"""Settings of distillation: who teaches, and how the student is compared with the teachers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from babyllama.config.types import Count, FilePath, Fraction, Optional_, Positive, Section


class DistillationSection(Section):
    """Teachers of `training.objective: distillation`. Per token: alpha x cross-entropy + (1 - alpha) x T^2 x divergence."""

    teachers: list[FilePath] = Field(default_factory=list)
    """Run folders, model folders, checkpoints or Hub names, of any family, all with the student's tokenizer."""
    self_distillation: bool = False
    """The one teacher is a finished run of the same `model`, `data` and `tokenizer` sections, and the student is that model born
    again (Furlanello et al. 2018, https://arxiv.org/abs/1805.04770); anything else is refused before training."""
    weights: Annotated[list[Positive] | None, Optional_] = None
    """Part of each teacher in the mean (scaled to sum 1); null gives all the same."""
    temperature: Positive = 1.0
    """T: logits of student and teachers are divided by it before the soft-max."""
    alpha: Fraction = 0.5
    """Weight of the cross-entropy with the text; 1 is plain training, bit for bit, and loads no teacher."""
    average: Literal["probabilities", "logits"] = "probabilities"
    """What of the teachers is averaged."""
    divergence: Literal["forward", "reverse"] = "forward"
    """`forward` is KL(teachers || student), `reverse` KL(student || teachers)."""
    cache_teachers: bool = False
    """Let the teachers read the text once, before training, and keep a part of their distribution at every position on disk, in
    `data.packed_dir`; its size is said first, and by --dry-run."""
    cache_kind: Literal["sample", "top_k"] = "sample"
    """`sample` keeps ids drawn from the teachers' distribution, an estimate without bias; `top_k` the likeliest ids with their
    probabilities and the rest as one outcome, which is biased: of that rest the student learns only how much it is."""
    cache_count: Count = 32
    """How many ids are kept of each position: 2 bytes each (4 above 65,536 entries), under `top_k` 4 (6); and 4 for the position."""
    reduction: Literal["mean", "batchmean"] = "mean"
    """`mean` over target tokens; `batchmean` sums the divergence over a row, so that it counts `seq_length` - 1 times as much
    (the arithmetic of the published Baby Llama, with `average: logits`)."""
