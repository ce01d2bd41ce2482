"""A learning curve of grammar: a small fixed set of minimal pairs, scored every `training.blimp_every_words` words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babyllama import console
from babyllama.config import Config
from babyllama.evaluation import LoadedModel, read_pairs, score_minimal_pairs
from babyllama.evaluation.pairs import PairSet, default_pair_folder
from babyllama.runs import ModelPlace
from babyllama.runs.rows import RowsFile
from babyllama.training.hooks.base import Hook

if TYPE_CHECKING:
    from babyllama.training.trainer import LanguageModelTrainer

CURVE_COLUMNS = ("step", "words_seen", "tokens_seen", "pairs", "accuracy")
"""Columns of blimp_curve.csv."""
PAIRS_PER_PARADIGM = 20


def curve_pairs(config: Config) -> PairSet:
    """The pairs of the curve; DataError where there are none."""
    per_paradigm = min(config.evaluation.pairs_per_paradigm or PAIRS_PER_PARADIGM, PAIRS_PER_PARADIGM)
    pairs = read_pairs(config.evaluation.blimp_data or default_pair_folder())
    return pairs.subset(per_paradigm, config.training.seed)


class MinimalPairCurve(Hook):
    """Scores in the first process and writes blimp_curve.csv; the others wait for it at their next exchange."""

    def __init__(self, config: Config, every: int, file: RowsFile | None) -> None:
        """Read the pairs; DataError where there are none, before training has begun."""
        self.every, self.file = every, file
        self.seed, self.protocol, self.name = config.training.seed, config.evaluation.protocol, config.model.name
        self.pairs = curve_pairs(config)

    def after_step(self, trainer: LanguageModelTrainer, step: int) -> None:
        """Score when this step has passed a multiple of `every` words."""
        journal = trainer.journal
        words = journal.state.words_seen
        if (words - journal.step_words) // self.every == words // self.every or self.file is None:
            return
        journal.clock.training(False)
        model = trainer.model
        model.eval()
        with trainer.saver.shipped(model):
            loaded = LoadedModel(model, trainer.saver.tokenizer, ModelPlace(self.name), trainer.args.device)
            results = score_minimal_pairs(loaded, self.pairs, protocol=self.protocol, seed=self.seed, dtype="fp32")
        model.train()
        row = {
            "step": step,
            "words_seen": words,
            "tokens_seen": journal.state.tokens_seen,
            "pairs": len(self.pairs.pairs),
            "accuracy": float(results.accuracy),
        }
        self.file.append(row)
        trainer.tell({"minimal_pairs_accuracy": row["accuracy"], "words_seen": words})
        console.say(f"step {step}: {words:,} words seen, {row['accuracy']:.1%} of {row['pairs']:,} minimal pairs")
        journal.clock.training(True)
