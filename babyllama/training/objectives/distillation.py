"""Distillation: the student learns from the text and from what its teachers hold possible at each position.

Shapes: B rows, T tokens, N = B*T, n positions of a chunk, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from babyllama import console
from babyllama.config import Config, DistillationSection
from babyllama.dataset.packed import IGNORED
from babyllama.training.machine import Machine
from babyllama.training.network import Batch, Network, Sums
from babyllama.training.objectives.base import TARGETS, Collator, Row
from babyllama.training.objectives.causal import Causal, CausalCollator, next_token_targets
from babyllama.training.objectives.cross_entropy import LossOptions, softmax_gradient_in_place
from babyllama.training.objectives.soft_loss import SoftOptions, soft_loss
from babyllama.training.objectives.teachers import Teachers, check_born_again, check_tokenizer, found, load_teacher

SOFT_TARGETS = "soft_targets"


@dataclass(frozen=True)
class TaughtCollator:
    """A causal micro-batch whose targets the teachers are asked about too."""

    causal: CausalCollator

    def __call__(self, rows: Sequence[Row]) -> Batch:
        """One micro-batch."""
        batch = self.causal(rows)
        batch["counts"][SOFT_TARGETS] = batch["counts"][TARGETS]
        return batch


class Distillation(Causal):
    """Next-token prediction with teachers. The recorded loss is the cross-entropy; the held-out loss asks no teacher."""

    parts: ClassVar[Mapping[str, str]] = {"soft_loss": SOFT_TARGETS}

    def __init__(
        self,
        options: LossOptions,
        *,
        document_attention: bool,
        section: DistillationSection,
        seq_length: int,
        vocabulary: int,
    ) -> None:
        super().__init__(options, document_attention=document_attention)
        self.section, self.seq_length, self.vocabulary = section, seq_length, vocabulary
        token_weight = 1.0 if section.reduction == "mean" else seq_length - 1
        self.soft = SoftOptions(section.alpha, section.temperature, section.divergence, token_weight)
        self.teachers: Teachers | None = None

    @classmethod
    def build(cls, config: Config, tokenizer: Any) -> Distillation:
        """The objective of the `distillation` section; TokenizerError when a teacher has another tokenizer."""
        section = config.distillation or DistillationSection()
        for path in _asked(section):
            check_tokenizer(path, tokenizer)
        causal = Causal.build(config, tokenizer)
        return cls(
            causal.options,
            document_attention=causal.document_attention,
            section=section,
            seq_length=config.data.seq_length,
            vocabulary=len(tokenizer),
        )

    @classmethod
    def inputs(cls, config: Config) -> dict[str, str]:
        """Fingerprints of the teachers; CheckpointError for one that is not there."""
        section = config.distillation or DistillationSection()
        paths = _asked(section)
        if section.self_distillation:
            for path in paths:
                check_born_again(path, config)
        return {f"teacher {number}": found(path)[1] for number, path in enumerate(paths, start=1)}

    def prepare(self, model: Any, machine: Machine) -> None:
        """Load the teachers."""
        paths = _asked(self.section)
        if not paths:
            return
        parts = self.section.weights or [1.0] * len(paths)
        teachers = []
        for path, part in zip(paths, parts, strict=True):
            teacher = load_teacher(
                path,
                part / sum(parts),
                machine,
                vocabulary=self.vocabulary,
                seq_length=self.seq_length,
                documents=self.document_attention,
            )
            console.say(f"teacher: {teacher.facts}")
            teachers.append(teacher)
        self.teachers = Teachers(teachers, self.section.average, self.section.temperature, self.vocabulary)

    def collator(self, *, training: bool) -> Collator:
        """Held-out text is read without teachers."""
        causal = CausalCollator(self.document_attention)
        return TaughtCollator(causal) if training and _asked(self.section) else causal

    def sums(self, network: Network, batch: Batch) -> Sums:
        """Hard and soft loss from one forward pass of each model; without teachers or gradients exactly the causal loss."""
        if self.teachers is None or not torch.is_grad_enabled():
            sums = super().sums(network, batch)
            return {**sums, "soft_loss": torch.zeros_like(sums["cross_entropy"])}
        inputs = dict(batch)
        targets_N = next_token_targets(inputs.pop("labels"))
        read, teachers, options, soft = self.teachers.read(inputs), self.teachers, self.options, self.soft

        def chunk_loss(
            logits_nV: Tensor, rows: slice, scale: float, dtype: torch.dtype
        ) -> tuple[Tensor, Tensor, Tensor]:
            targets_n = targets_N[rows]
            hard, plain, gradient_nV = softmax_gradient_in_place(
                logits_nV, targets_n, options.label_smoothing, options.z_loss, scale * soft.alpha, torch.float32
            )
            log_p_nV = teachers.log_probabilities(read, rows)
            # A student may have more rows than the tokenizer has entries.
            shared = slice(log_p_nV.shape[1])
            divergence_n, soft_gradient_nV = soft_loss(logits_nV[:, shared], log_p_nV, targets_n != IGNORED, soft)
            gradient_nV[:, shared].add_(soft_gradient_nV, alpha=scale * soft.soft_weight)
            divergence = divergence_n.sum()
            objective = soft.alpha * hard + soft.soft_weight * divergence
            return objective, torch.stack([plain, divergence]), gradient_nV.to(dtype)

        objective, (plain, divergence) = network.chunked_loss(inputs, chunk_loss, number_of_sums=2, options=options)
        return {"objective": objective, "cross_entropy": plain, "soft_loss": divergence}

    def facts(self) -> dict[str, Any]:
        """The teachers and what they count."""
        if self.teachers is None:
            return {}
        names = {f"teacher {number}": teacher.facts for number, teacher in enumerate(self.teachers.teachers, start=1)}
        section = self.section
        loss = f"{section.alpha:g} x cross-entropy + {1 - section.alpha:g} x T^2 x KL ({section.divergence}), T = {section.temperature:g}"
        return {**names, "loss": f"{loss}, teachers averaged as {section.average}, reduction {section.reduction}"}


def _asked(section: DistillationSection) -> list[str]:
    """The teachers that are asked: with alpha = 1 none."""
    return [] if section.alpha == 1 else section.teachers
