"""Several causal models as one: the mean of their probabilities at every position.

What a student distilled from an ensemble learns from, so that the teachers' own level is known. Any models that share a
tokenizer, of any families and sizes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from babyllama.errors import EvaluationError
from babyllama.evaluation.model_tokenizer import check_same_tokenizer
from babyllama.evaluation.models import LoadedModel
from babyllama.runs import ModelPlace

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Output(NamedTuple):
    """What a model gives."""

    logits: Tensor
    """Log-probabilities [B, T, V], fp32."""


class MeanOfProbabilities(nn.Module):
    """Reads what each of its models reads; its logits are the logarithm of their mean probability."""

    def __init__(self, models: Sequence[PreTrainedModel]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        lengths = [_context(model) for model in models]
        self.config = models[lengths.index(min(lengths))].config
        """That of the model with the shortest context, which is the ensemble's."""

    @property
    def dtype(self) -> torch.dtype:
        """The format of the weights."""
        return next(self.parameters()).dtype

    def get_input_embeddings(self) -> nn.Module:
        """The first model's."""
        return self.models[0].get_input_embeddings()

    def forward(self, **inputs: Any) -> Output:
        """Log of the mean probability of every token [B, T, V]; one model's logits at a time beside the sum."""
        total: Tensor | None = None
        for model in self.models:
            log_p = torch.log_softmax(model(**inputs).logits.float(), dim=-1)
            total = log_p if total is None else torch.logaddexp(total, log_p)
        assert total is not None
        return Output(total - math.log(len(self.models)))

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """EvaluationError: nothing is sampled from an ensemble."""
        raise EvaluationError("an ensemble is scored, not sampled: generate with one of its models.")


def _context(model: PreTrainedModel) -> int:
    return getattr(model.config.get_text_config(), "max_position_embeddings", None) or 1 << 62


def ensemble_place(places: Sequence[ModelPlace]) -> ModelPlace:
    """Where the ensemble of the models at `places` is: nowhere, but it has a name."""
    return ModelPlace("mean of " + ", ".join(place.name for place in places))


def load_ensemble(models: Sequence[LoadedModel]) -> LoadedModel:
    """`models` as one. EvaluationError for masked models or fewer than two, TokenizerError when tokenizers differ."""
    if len(models) < 2:
        raise EvaluationError("--ensemble: name at least two models, whose probabilities are averaged.")
    masked = [one.name for one in models if one.masked]
    if masked:
        raise EvaluationError(f"--ensemble: {masked[0]} is a masked language model; ensembles are of causal ones.")
    check_same_tokenizer([(one.name, one.tokenizer) for one in models])
    sizes = {one.model.get_output_embeddings().weight.shape[0] for one in models}
    if len(sizes) > 1:
        raise EvaluationError(
            f"--ensemble: the models have output layers of {sorted(sizes)} entries; they must be alike."
        )
    first = models[0]
    return LoadedModel(
        model=MeanOfProbabilities([one.model for one in models]),  # type: ignore[arg-type]
        tokenizer=first.tokenizer,
        place=ensemble_place([one.place for one in models]),
        device=first.device,
        dtype=first.dtype,
        notes=[line for one in models for line in one.notes],
    )
