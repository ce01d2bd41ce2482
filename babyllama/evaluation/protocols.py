"""The ways in which BLiMP is scored in the field, by name.

A protocol fixes what stands before a sentence, whether a space does, which tokens count, whether
log-probabilities are summed or averaged, and who wins a tie. Scores under different protocols are not
comparable; every result names its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from babyllama.errors import TokenizerError
from babyllama.evaluation.scoring.sequences import Encoded, context_token, encode_plain, encode_with_marks

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Protocol:
    """One evaluator's way of scoring a minimal pair."""

    name: str
    prefix: Literal["context", "context_or_pad", "own", "own_scored_tail"]
    """`context`: BOS, else EOS is put in front; `context_or_pad`: else PAD; `own`: only what the tokenizer
    itself adds, marks never scored; `own_scored_tail`: the same, but everything after the first token is
    scored."""
    leading_space: bool
    """Score " sentence" instead of "sentence"."""
    reduction: Literal["sum", "mean"]
    """Over the log-probabilities of the scored tokens."""
    ties: Literal["good", "random"]
    """Who wins when both scores are equal: the good sentence, or a seeded draw."""
    nan_is_lowest: bool
    """Treat a score that is not a number as minus infinity; otherwise such a pair counts as wrong."""
    source: str
    """Whose behaviour this is."""
    skips_repeated_mark: bool = False
    """Put no mark in front of a text that begins with it."""

    def encode(self, tokenizer: PreTrainedTokenizerBase, sentences: Sequence[str]) -> list[Encoded]:
        """Token ids and scored positions of each sentence. TokenizerError when the tokenizer lacks what is
        needed."""
        if self.prefix in ("context", "context_or_pad"):
            return self._encode_after_context(tokenizer, sentences)
        if not tokenizer.is_fast:
            raise TokenizerError(
                f"protocol {self.name} needs a fast tokenizer (it reads character spans); this one is slow. "
                "Use --protocol lm-eval, or save the tokenizer as tokenizer.json."
            )
        return [self._own_targets(text.ids, text.offsets) for text in encode_with_marks(tokenizer, sentences)]

    def _encode_after_context(self, tokenizer: PreTrainedTokenizerBase, sentences: Sequence[str]) -> list[Encoded]:
        first = context_token(tokenizer, allow_pad=self.prefix == "context_or_pad")
        if first is None:
            raise TokenizerError(
                f"protocol {self.name} puts BOS or EOS before each sentence, and the tokenizer has neither. "
                "Name one in "
                "tokenizer_config.json (bos_token), or use --protocol babylm-2025 or minicons, which add "
                "nothing."
            )
        space = " " if self.leading_space else ""
        encoded = []
        for ids in encode_plain(tokenizer, [space + sentence for sentence in sentences]):
            whole = tuple(ids) if self.skips_repeated_mark and ids[:1] == [first] else (first, *ids)
            encoded.append(Encoded(whole, range(1, len(whole))))
        return encoded

    def _own_targets(self, ids: list[int], offsets: list[tuple[int, int]]) -> Encoded:
        if self.prefix == "own_scored_tail":
            return Encoded(tuple(ids), range(1, len(ids)))
        # The BabyLM 2025 pipeline scores the tokens whose character span ends after the span of the first
        # token begins; marks have the empty span (0, 0). The very first token has no prediction, be it a mark
        # or a word.
        start = offsets[0][0] if offsets else 0
        return Encoded(tuple(ids), [i for i, (_, end) in enumerate(offsets) if end > start and i > 0])


DEFAULT_PROTOCOL = "lm-eval"

LM_EVAL = Protocol(
    "lm-eval",
    prefix="context",
    leading_space=True,
    reduction="sum",
    ties="good",
    nan_is_lowest=False,
    source="EleutherAI lm-evaluation-harness 0.4.13, task group `blimp` (target delimiter ' ', numpy argmax)",
    skips_repeated_mark=True,
)
BABYLM_2024 = Protocol(
    "babylm-2024",
    prefix="context_or_pad",
    leading_space=True,
    reduction="sum",
    ties="good",
    nan_is_lowest=False,
    source="babylm/evaluation-pipeline-2024, task `blimp_filtered` (a fork of lm-evaluation-harness)",
)
BABYLM_2025 = Protocol(
    "babylm-2025",
    prefix="own",
    leading_space=False,
    reduction="sum",
    ties="good",
    nan_is_lowest=False,
    source="babylm/evaluation-pipeline-2025 (commit bf55c11), sentence_zero_shot, backend `causal`",
)
BABYLM_2026 = Protocol(
    "babylm-2026",
    prefix="own",
    leading_space=False,
    reduction="sum",
    ties="random",
    nan_is_lowest=True,
    source=(
        "babylm-org/babylm-eval as of July 2026, strict, sentence_zero_shot, backend `causal`; ties drawn at random (its "
        "commit 45fe2c1 of April 2026 still let the good sentence win)"
    ),
)
MINICONS = Protocol(
    "minicons",
    prefix="own_scored_tail",
    leading_space=False,
    reduction="mean",
    ties="good",
    nan_is_lowest=False,
    source="kanishkamisra/minicons 0.3.39, IncrementalLMScorer.sequence_score with its defaults",
)
