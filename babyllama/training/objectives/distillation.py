"""Distillation: the student learns from the text and from what its teachers hold possible at each position.

Shapes: B rows, T tokens, N = B*T, n positions of a chunk, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from babyllama import console
from babyllama.config import Config, DistillationSection
from babyllama.dataset.packed import IGNORED
from babyllama.errors import CheckpointError
from babyllama.training.data.blocks import Blocks
from babyllama.training.machine import Machine
from babyllama.training.network import Batch, Network, Sums
from babyllama.training.objectives.base import TARGETS, Collator, Row
from babyllama.training.objectives.causal import Causal, CausalCollator, next_token_targets
from babyllama.training.objectives.cross_entropy import LossOptions, softmax_gradient_in_place
from babyllama.training.objectives.soft_loss import SoftOptions, soft_loss
from babyllama.training.objectives.teacher_cache import TeacherCache, take_kept, teacher_cache
from babyllama.training.objectives.teacher_samples import Kept, kept_soft_loss, sampled_objective
from babyllama.training.objectives.teachers import Teachers, check_born_again, check_tokenizer, found, load_teacher

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

SOFT_TARGETS = "soft_targets"
ChunkDivergence = Callable[[Tensor, slice, Tensor], tuple[Tensor, Tensor]]
"""(student's logits [n, V], which of the N positions they are, which are targets [n]) -> divergence [n], gradient [n, up to V]."""


@dataclass(frozen=True)
class TaughtCollator:
    """A causal micro-batch whose targets the teachers are asked about too, or were asked about when the cache was made."""

    causal: CausalCollator
    cache: TeacherCache | None = None

    def __call__(self, rows: Sequence[Row]) -> Batch:
        """One micro-batch."""
        batch = self.causal(rows)
        batch["counts"][SOFT_TARGETS] = batch["counts"][TARGETS]
        if self.cache is not None:
            batch |= self.cache.entries([row["key"].block for row in rows])
        return batch


class Distillation(Causal):
    """Next-token prediction with teachers. The recorded loss is the cross-entropy; the held-out loss asks no teacher."""

    parts: ClassVar[Mapping[str, str]] = {"soft_loss": SOFT_TARGETS}

    def __init__(
        self,
        options: LossOptions,
        *,
        document_attention: bool,
        config: Config,
        vocabulary: int,
    ) -> None:
        super().__init__(options, document_attention=document_attention)
        section = config.distillation or DistillationSection()
        self.config, self.section, self.vocabulary = config, section, vocabulary
        token_weight = 1.0 if section.reduction == "mean" else config.data.seq_length - 1
        self.soft = SoftOptions(section.alpha, section.temperature, section.divergence, token_weight)
        self.teachers: Teachers | None = None
        self.cache: TeacherCache | None = None

    @classmethod
    def build(cls, config: Config, tokenizer: PreTrainedTokenizerFast) -> Distillation:
        """The objective of the `distillation` section; TokenizerError when a teacher has another tokenizer."""
        section = config.distillation or DistillationSection()
        for path in _asked(section):
            check_tokenizer(path, tokenizer)
        causal = Causal.of(config)
        return cls(
            causal.options, document_attention=causal.document_attention, config=config, vocabulary=len(tokenizer)
        )

    @classmethod
    def inputs(cls, config: Config) -> dict[str, str]:
        """Fingerprints of the teachers; CheckpointError for one that is not there."""
        section = config.distillation or DistillationSection()
        paths = _asked(section)
        if section.self_distillation:
            for path in paths:
                check_born_again(path, config)
        try:
            return {f"teacher {number}": found(path)[1] for number, path in enumerate(paths, start=1)}
        except CheckpointError as error:
            raise CheckpointError(f"distillation.teachers: {error}") from error

    def prepare(self, model: PreTrainedModel, machine: Machine, blocks: Blocks) -> None:
        """Load the teachers, or have them read `blocks` once; a cache that is there needs none of them."""
        if not _asked(self.section):
            return
        if not self.section.cache_teachers:
            self.teachers = self._load(machine)
            return
        self.cache = teacher_cache(
            self.config,
            blocks,
            machine,
            inputs=self.inputs(self.config),
            documents=self.document_attention,
            vocabulary=self.vocabulary,
            load=lambda: self._load(machine),
        )

    def _load(self, machine: Machine) -> Teachers:
        paths = self.section.teachers
        parts = self.section.weights or [1.0] * len(paths)
        teachers = []
        for path, part in zip(paths, parts, strict=True):
            teacher = load_teacher(
                path,
                part / sum(parts),
                machine,
                vocabulary=self.vocabulary,
                seq_length=self.config.data.seq_length,
                documents=self.document_attention,
            )
            console.say(f"teacher: {teacher.facts}")
            teachers.append(teacher)
        return Teachers(teachers, self.section.average, self.section.temperature, self.vocabulary)

    def collator(self, *, training: bool) -> Collator:
        """Held-out text is read without teachers."""
        causal = CausalCollator(self.document_attention)
        return TaughtCollator(causal, self.cache) if training and _asked(self.section) else causal

    def sums(self, network: Network, batch: Batch) -> Sums:
        """Hard and soft loss from one forward pass of each model; without teachers or gradients exactly the causal loss."""
        if (self.teachers is None and self.cache is None) or not torch.is_grad_enabled():
            sums = super().sums(network, batch)
            return {**sums, "soft_loss": torch.zeros_like(sums["cross_entropy"])}
        inputs = dict(batch)
        targets_N = next_token_targets(inputs.pop("labels"))
        options, soft, vocabulary = self.options, self.soft, self.vocabulary
        kept = None if self.cache is None else take_kept(inputs)
        chunk_divergence = self._chunk_divergence(inputs, kept)
        sampled = kept is not None and self.section.cache_kind == "sample"
        plain_hard = not (options.label_smoothing or options.z_loss)

        def chunk_loss(
            logits_nV: Tensor, rows: slice, scale: float, dtype: torch.dtype
        ) -> tuple[Tensor, Tensor, Tensor]:
            targets_n = targets_N[rows]
            if sampled and plain_hard and kept is not None and logits_nV.shape[1] == vocabulary:
                plain, divergence, gradient_nV = sampled_objective(logits_nV, targets_n, kept(rows), soft, scale)
                hard = plain
            else:
                hard, plain, gradient_nV = softmax_gradient_in_place(
                    logits_nV, targets_n, options.label_smoothing, options.z_loss, scale * soft.alpha, torch.float32
                )
                # A student may have more rows than the tokenizer has entries.
                shared = slice(vocabulary)
                divergence_n, soft_gradient_nV = chunk_divergence(logits_nV[:, shared], rows, targets_n != IGNORED)
                gradient_nV[:, shared].add_(soft_gradient_nV, alpha=scale * soft.soft_weight)
                divergence = divergence_n.sum()
            objective = soft.alpha * hard + soft.soft_weight * divergence
            return objective, torch.stack([plain, divergence]), gradient_nV.to(dtype)

        objective, (plain, divergence) = network.chunked_loss(inputs, chunk_loss, number_of_sums=2, options=options)
        return {"objective": objective, "cross_entropy": plain, "soft_loss": divergence}

    def _chunk_divergence(self, inputs: Batch, kept: Callable[[slice], Kept] | None) -> ChunkDivergence:
        """How the student is compared, chunk by chunk: with what a cache kept, or with teachers that read `inputs` now."""
        soft = self.soft
        if kept is not None:
            return lambda logits_nV, rows, valid_n: kept_soft_loss(logits_nV, kept(rows), valid_n, soft)
        assert self.teachers is not None
        teachers, read = self.teachers, self.teachers.read(inputs)
        return lambda logits_nV, rows, valid_n: soft_loss(
            logits_nV, teachers.log_probabilities(read, rows), valid_n, soft
        )

    def example(self, size: int, length: int, vocabulary: int, device: torch.device) -> Batch:
        """With what a cache keeps beside it."""
        batch = super().example(size, length, vocabulary, device)
        return batch if self.cache is None else batch | self.cache.example(size, device)

    def facts(self) -> dict[str, Any]:
        """The teachers and what they count."""
        if self.cache is not None:
            teachers, asked = self.cache.teachers, {"teacher cache": self.cache.shape.describe()}
        elif self.teachers is not None:
            teachers, asked = [teacher.facts for teacher in self.teachers.teachers], {}
        else:
            return {}
        names = {f"teacher {number}": facts for number, facts in enumerate(teachers, start=1)} | asked
        section = self.section
        loss = f"{section.alpha:g} x cross-entropy + {1 - section.alpha:g} x T^2 x KL ({section.divergence}), T = {section.temperature:g}"
        return {**names, "loss": f"{loss}, teachers averaged as {section.average}, reduction {section.reduction}"}


def _asked(section: DistillationSection) -> list[str]:
    """The teachers that are asked: with alpha = 1 none."""
    return [] if section.alpha == 1 else section.teachers
