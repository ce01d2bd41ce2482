"""The teachers of a distillation: frozen models of any family that share the student's tokenizer.

They read the student's batch, documents and all, in inference mode and in the fast number format where there is one. Only
their last hidden states are kept; probabilities are made for a chunk of positions at a time.

Shapes: N positions, n positions of a chunk, D width of a teacher, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from babyllama.artifacts import fingerprint_value
from babyllama.config import Config
from babyllama.errors import CheckpointError, TokenizerError
from babyllama.evaluation.model_tokenizer import load_model_tokenizer
from babyllama.evaluation.models import LoadedModel, check_hub, check_whole, hub_commit, load_model, model_content
from babyllama.runs import ModelPlace, Run, locate_model
from babyllama.runs.run import learned_settings, setting_differences
from babyllama.tokenizer import tokenizer_fingerprint
from babyllama.training.machine import Machine
from babyllama.training.network import Batch, Network
from babyllama.training.probing import keeps_documents_apart

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Average = Literal["probabilities", "logits"]


@dataclass
class Teacher:
    """One teacher on the device."""

    network: Network
    weight: float
    """Its part in the mean."""
    dtype: torch.dtype | None
    """Number format of its products; None: fp32."""
    facts: str
    """Name, parameters, weight and fingerprint, for run.json and the card."""

    @torch.no_grad()
    def read(self, batch: Batch) -> Tensor:
        """What its probabilities are made from: hidden states [N, D], or the logits [N, V] of a family whose output layer is
        no plain matrix."""
        device = self.network.model.device.type
        with torch.autocast(device, dtype=self.dtype, enabled=self.dtype is not None):
            found = self.network.hidden(batch) if self.network.fused else self.network.logits(batch)
        return found.flatten(0, 1)

    def logits(self, read_nD: Tensor, vocabulary: int) -> Tensor:
        """fp32 logits [n, V] of a chunk of what `read` gave; rows beyond the tokenizer's entries are left out."""
        if not self.network.fused:
            return read_nD[:, :vocabulary].float()
        head, dtype = self.network.head, self.dtype or self.network.head.weight.dtype
        bias = None if head.bias is None else head.bias[:vocabulary].to(dtype)
        return torch.nn.functional.linear(read_nD.to(dtype), head.weight[:vocabulary].to(dtype), bias).float()


@dataclass
class Teachers:
    """All teachers of a run as one distribution over the tokenizer's entries."""

    teachers: Sequence[Teacher]
    average: Average
    temperature: float
    vocabulary: int

    def read(self, batch: Batch) -> list[Tensor]:
        """What each teacher's probabilities at the N positions of a batch are made from."""
        return [teacher.read(batch) for teacher in self.teachers]

    def log_probabilities(self, read: Sequence[Tensor], rows: slice) -> Tensor:
        """ln of the teachers' mean distribution [n, V] at the temperature, for some of the positions that were read."""
        mean_nV: Tensor | None = None
        for teacher, read_ND in zip(self.teachers, read, strict=True):
            scaled_nV = teacher.logits(read_ND[rows], self.vocabulary).div_(self.temperature)
            if self.average == "probabilities":
                scaled_nV = torch.softmax(scaled_nV, dim=1)
            mean_nV = (
                scaled_nV.mul_(teacher.weight) if mean_nV is None else mean_nV.add_(scaled_nV, alpha=teacher.weight)
            )
        assert mean_nV is not None
        if self.average == "logits":
            return torch.log_softmax(mean_nV, dim=1)
        return mean_nV.clamp_min_(torch.finfo(mean_nV.dtype).tiny).log_()


def found(path: str) -> tuple[ModelPlace, str]:
    """(where the teacher is, fingerprint of its weights); CheckpointError when it is not there, or damaged."""
    place = locate_model(path)
    if not place.is_local:
        check_hub(place.source)
        return place, fingerprint_value([place.source, hub_commit(place.source)])
    check_whole(place)
    return place, model_content(place)


def check_born_again(path: str, config: Config) -> None:
    """CheckpointError unless the teacher at `path` is a finished run with the student's model, data and tokenizer sections."""
    where = f"distillation.self_distillation: {path}"
    place = locate_model(path)
    if place.run is None or place.checkpoint is not None:
        raise CheckpointError(f"{where} is no run folder of ours; give the run that the student repeats.")
    run = Run(place.run.root)
    if not run.finished:
        raise CheckpointError(f"{where} has not finished training; go on with it by --resume_from_checkpoint first.")
    theirs, ours = (
        {key: value for key, value in learned_settings(one).items() if key.startswith(("model.", "data.", "tokenizer"))}
        for one in (run.config, config)
    )
    changed = setting_differences(theirs, ours)
    if changed:
        raise CheckpointError(
            f"{where} was trained with another configuration than the student ({'; '.join(changed)}). Give both the same, or "
            "leave self_distillation out: any teacher with the student's tokenizer can teach."
        )


def check_tokenizer(path: str, tokenizer: PreTrainedTokenizerFast) -> None:
    """TokenizerError naming both fingerprints when the teacher at `path` has another tokenizer than the student."""
    own: Any = load_model_tokenizer(found(path)[0], False)
    if not own.is_fast:
        raise TokenizerError(f"distillation.teachers: {path} has a slow tokenizer, which cannot be the student's.")
    theirs, wanted = tokenizer_fingerprint(own), tokenizer_fingerprint(tokenizer)
    if theirs != wanted:
        raise TokenizerError(
            f"distillation.teachers: {path} has another tokenizer ({theirs[:19]}..., {len(own):,} entries) than the student "
            f"({wanted[:19]}..., {len(tokenizer):,} entries): their probabilities are of different tokens. Give teachers that were "
            f"trained with the student's tokenizer, or set data.tokenizer_path to that of {path}."
        )


def load_teacher(
    path: str, weight: float, machine: Machine, *, vocabulary: int, seq_length: int, documents: bool
) -> Teacher:
    """Load one teacher onto the device.

    CheckpointError when it cannot be loaded, predicts no next token, reads fewer tokens than a block holds or (where
    `documents` share a row) does not keep them apart; TokenizerError when it has fewer output rows than the tokenizer entries.
    """
    loaded = load_model(path, str(machine.device), "fp32")
    where = f"distillation.teachers: {path}"
    if loaded.masked:
        raise CheckpointError(f"{where} is a masked language model and predicts no next token.")
    rows = loaded.model.get_input_embeddings().weight.shape[0]
    if rows < vocabulary:
        raise TokenizerError(f"{where} has {rows:,} output rows, and the tokenizer {vocabulary:,} entries.")
    if loaded.context_length is not None and loaded.context_length < seq_length:
        raise CheckpointError(
            f"{where} reads at most {loaded.context_length:,} tokens, and data.seq_length is {seq_length:,}. Use a shorter "
            "seq_length, or another teacher."
        )
    if documents and not keeps_documents_apart(loaded.model, seq_length):
        raise CheckpointError(f"{where} does not keep the documents of a row apart; use data.packing=separate.")
    return Teacher(Network(loaded.model), weight, machine.autocast_dtype, _facts(loaded, path, weight))


def _facts(loaded: LoadedModel, path: str, weight: float) -> str:
    return f"{loaded.name}, {loaded.parameters:,} parameters, weight {weight:.3g}, {found(path)[1]}"
