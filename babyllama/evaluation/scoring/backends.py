"""The ways a model is asked for the probability of a token, by the names of the BabyLM pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from babyllama.errors import EvaluationError, TokenizerError
from babyllama.evaluation.scoring.causal import CausalScorer
from babyllama.evaluation.scoring.masked import MaskedScorer
from babyllama.evaluation.scoring.mntp import MntpScorer
from babyllama.evaluation.scoring.sequences import Encoded, Progress

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel

Backend = Literal["causal", "mlm", "mntp"]
BackendChoice = Literal["auto", "causal", "mlm", "mntp"]


class Scorer(Protocol):
    """Sequences -> log-probabilities of their targets."""

    def score(self, sequences: Sequence[Encoded], progress: Progress | None = None) -> list[np.ndarray]:
        """Natural log-probabilities of each sequence's targets."""


def backend_of(loaded: LoadedModel, choice: BackendChoice = "auto") -> Backend:
    """`choice`, where `auto` is mlm for a masked model and causal for any other. EvaluationError where the model has no such way,
    TokenizerError where tokens must be hidden and there is nothing to hide them behind."""
    if choice == "causal" and loaded.masked:
        raise EvaluationError(f"--backend causal: {loaded.name} is a masked language model; use mlm or mntp.")
    if choice == "mlm" and not loaded.masked:
        raise EvaluationError(
            f"--backend mlm: {loaded.name} is a causal model; use causal, or mntp where it was trained so."
        )
    way = choice if choice != "auto" else "mlm" if loaded.masked else "causal"
    if way != "causal" and loaded.tokenizer.mask_token_id is None:
        mend = "save the model with the tokenizer it was trained with, which has one"
        if not loaded.masked:
            mend = "use --backend causal, or train with `training.objective: hybrid`, which adds one"
        raise TokenizerError(
            f"--backend {way}: {loaded.name} has a tokenizer without a mask token, behind which each scored token is hidden; {mend}."
        )
    return way


def scorer_for(loaded: LoadedModel, backend: Backend) -> Scorer:
    """What scores sequences so."""
    if backend == "causal":
        return CausalScorer(loaded)
    return MntpScorer(loaded) if backend == "mntp" else MaskedScorer(loaded)
