"""A learning curve of grammar: a small fixed set of minimal pairs, scored every `training.blimp_every_words` words."""

from __future__ import annotations

import contextlib
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from babyllama.config import Config
from babyllama.evaluation import LoadedModel, read_pairs, score_minimal_pairs
from babyllama.evaluation.pairs import PairSet, default_pair_folder
from babyllama.runs import ModelPlace
from babyllama.runs.rows import RowsFile
from babyllama.training.console import note
from babyllama.training.parts import RunParts

CURVE_COLUMNS = ("step", "words_seen", "tokens_seen", "pairs", "accuracy")
"""Columns of blimp_curve.csv."""
PAIRS_PER_PARADIGM = 20


def curve_pairs(config: Config) -> PairSet:
    """The pairs of the curve; DataError where there are none."""
    per_paradigm = min(config.evaluation.pairs_per_paradigm or PAIRS_PER_PARADIGM, PAIRS_PER_PARADIGM)
    pairs = read_pairs(config.evaluation.blimp_data or default_pair_folder())
    return pairs.subset(per_paradigm, config.training.seed)


class MinimalPairCurve(TrainerCallback):
    """Scores in the first process and writes blimp_curve.csv; the others wait for it at their next exchange."""

    def __init__(self, parts: RunParts, tokenizer: Any, config: Config, every: int, file: RowsFile | None) -> None:
        """Read the pairs; DataError where there are none, before training has begun."""
        self.parts, self.tokenizer, self.every, self.file = parts, tokenizer, every, file
        self.seed, self.protocol, self.name = config.training.seed, config.evaluation.protocol, config.model.name
        self.pairs = curve_pairs(config)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Score when this step has passed a multiple of `every` words."""
        parts, words = self.parts, self.parts.state.words_seen
        if (words - parts.step_words) // self.every == words // self.every or self.file is None:
            return
        parts.clock.training(False)
        model = kwargs["model"]
        shipped = parts.average.applied(model) if parts.average is not None else contextlib.nullcontext()
        model.eval()
        with shipped:
            loaded = LoadedModel(model, self.tokenizer, ModelPlace(self.name), args.device)
            results = score_minimal_pairs(loaded, self.pairs, protocol=self.protocol, seed=self.seed, dtype="fp32")
        model.train()
        row = {
            "step": state.global_step,
            "words_seen": words,
            "tokens_seen": parts.state.tokens_seen,
            "pairs": len(self.pairs.pairs),
            "accuracy": float(results.accuracy),
        }
        self.file.append(row)
        parts.tell({"minimal_pairs_accuracy": row["accuracy"], "words_seen": words})
        note(f"step {state.global_step}: {words:,} words seen, {row['accuracy']:.1%} of {row['pairs']:,} minimal pairs")
        parts.clock.training(True)
