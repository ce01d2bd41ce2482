"""Options -> token ids and which of them are scored, as the BabyLM pipelines choose them.

A text is encoded once with the marks that the tokenizer adds by itself; scored are the tokens whose span *ends* beyond the
first character of the completion, so that a token which straddles the border is scored. Marks have the empty span (0, 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from babyllama.errors import EvaluationError, TokenizerError
from babyllama.evaluation.choices.items import Option
from babyllama.evaluation.scoring.backends import Backend
from babyllama.evaluation.scoring.masked import EncodedWords
from babyllama.evaluation.scoring.sequences import Encoded, Marked, encode_with_marks

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel

_PART = 1000
"""Texts at a time: the spans of a whole set would take many times the memory of its ids."""


def encode_options(
    loaded: LoadedModel, options: Sequence[Option], backend: Backend
) -> tuple[list[Encoded], list[bool]]:
    """(each option encoded, is it longer than the model's context?).

    A causal model reads a longer one in overlapping windows; a masked one reads its end, as much as fits. TokenizerError for
    a tokenizer without offsets.
    """
    tokenizer = loaded.tokenizer
    if not tokenizer.is_fast:
        raise TokenizerError(
            f"the tokenizer of {loaded.name} does not say where its tokens stand in a text (a slow tokenizer, without offsets), so "
            "no completion can be told from its prefix. Save it as tokenizer.json (a fast tokenizer)."
        )
    encoded: list[Encoded] = []
    long: list[bool] = []
    for start in range(0, len(options), _PART):
        part = options[start : start + _PART]
        for option, text in zip(part, encode_with_marks(tokenizer, [one.text for one in part]), strict=True):
            sequence = _encoded(text, option.scored_from, backend)
            limit = loaded.context_length
            long.append(limit is not None and len(sequence.inputs) > limit)
            if limit is not None and long[-1] and backend != "causal":
                sequence = _end_of(sequence, text, limit, option)
            encoded.append(sequence)
    return encoded, long


def _encoded(text: Marked, scored_from: int, backend: Backend) -> Encoded:
    ids = tuple(text.ids)
    if backend == "causal":
        # The pipeline adds where the first token's span begins; nothing predicts position 0, be it a mark or a word.
        start = scored_from + (text.offsets[0][0] if text.offsets else 0)
        return Encoded(ids, [i for i, (_, end) in enumerate(text.offsets) if end > start and i > 0])
    first = 1 if backend == "mntp" else 0
    targets = [i for i, (_, end) in enumerate(text.offsets) if end > scored_from and i >= first]
    return EncodedWords(ids, targets, tuple(text.words))


def _end_of(sequence: Encoded, text: Marked, limit: int, option: Option) -> EncodedWords:
    """The marks in front and the last tokens, `limit` in all."""
    marks = next((i for i, mark in enumerate(text.marks) if not mark), 0)
    cut = len(sequence.ids) - limit
    ids = (*sequence.ids[:marks], *sequence.ids[marks + cut :])
    targets = [target - cut for target in sequence.targets]
    if any(target < marks for target in targets):
        raise EvaluationError(
            f"a completion of {len(sequence.targets)} tokens does not fit into the model's context of {limit}: "
            f"{option.predicted[:60]!r}. A masked model cannot score it."
        )
    return EncodedWords(ids, targets, (*text.words[:marks], *text.words[marks + cut :]))
