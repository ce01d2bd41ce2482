"""The ways in which BLiMP is scored in the field, by name.

A protocol fixes what stands before a sentence, whether a space does, which tokens count, whether
log-probabilities are summed or averaged, and who wins a tie. Scores under different protocols are not
comparable; every result names its own.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from babyllama.errors import EvaluationError, TokenizerError
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
            # lm-evaluation-harness does not put the mark in front twice when the text begins with it.
            whole = tuple(ids) if self.name == "lm-eval" and ids[:1] == [first] else (first, *ids)
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

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "lm-eval", "context", True, "sum", "good", False,
            "EleutherAI lm-evaluation-harness 0.4.13, task group `blimp` (target delimiter ' ', numpy "
            "argmax)",
        ),
        Protocol(
            "babylm-2024", "context_or_pad", True, "sum", "good", False,
            "babylm/evaluation-pipeline-2024, task `blimp_filtered` (a fork of lm-evaluation-harness)",
        ),
        Protocol(
            "babylm-2025", "own", False, "sum", "good", False,
            "babylm/evaluation-pipeline-2025 (commit bf55c11), sentence_zero_shot, backend `causal`",
        ),
        Protocol(
            "babylm-2026", "own", False, "sum", "random", True,
            "babylm-org/babylm-eval as of July 2026, strict, sentence_zero_shot, backend `causal`; ties drawn at random "
            "(its commit 45fe2c1 of April 2026 still let the good sentence win)",
        ),
        Protocol(
            "minicons", "own_scored_tail", False, "mean", "good", False,
            "kanishkamisra/minicons 0.3.39, IncrementalLMScorer.sequence_score with its defaults",
        ),
    )
}  # fmt: skip


def get_protocol(name: str) -> Protocol:
    """The protocol called `name`; EvaluationError with the list and the nearest name otherwise."""
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    near = difflib.get_close_matches(name, PROTOCOLS, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise EvaluationError(f"unknown protocol {name!r}; there are {', '.join(PROTOCOLS)}.{hint}")
