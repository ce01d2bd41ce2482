"""Perplexity per document, bits per byte, word-level perplexity, and the unigram model as a yardstick.

Every document is read on its own with the model's beginning mark as first context; every token of the text is
scored exactly once and the end mark is not counted. Padding never is. The loss in losses.csv is another
number: the mean over packed blocks, end marks included.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from babyllama.errors import DataError, EvaluationError
from babyllama.evaluation.models import LoadedModel
from babyllama.evaluation.scoring import CausalScorer, Progress
from babyllama.evaluation.scoring.sequences import Encoded, context_token, encode_plain

_LN2 = math.log(2)


@dataclass
class PerplexityResult:
    """Totals over documents; every rate follows from them, so results of several files add up exactly."""

    nll: float = 0.0
    """Sum of -ln p over all scored tokens, in nats."""
    tokens: int = 0
    """Scored tokens."""
    bytes: int = 0
    """UTF-8 bytes of the same documents."""
    words: int = 0
    """Whitespace-separated words of the same documents."""
    documents: int = 0
    unigram_nll: float | None = None
    """The same sum under the add-one smoothed unigram model of the training text; None when its counts are
    unknown."""
    nan_tokens: int = 0
    """Tokens whose log-probability is not a number (broken weights)."""
    unscored_tokens: int = 0
    """First tokens of documents when the tokenizer has no mark to stand before them."""
    text: str = ""
    """File, folder or glob the documents were read from; empty when they were handed over."""
    text_fingerprint: str = ""
    """Fingerprint of the files' content, whatever they are called."""
    domains: dict[str, PerplexityResult] = field(default_factory=dict)
    """The same per file, when there are several."""

    @property
    def perplexity(self) -> float:
        """exp of the mean -ln p per token: comparable between models with the same tokenizer only."""
        return _exp(self.nll, self.tokens)

    @property
    def bits_per_byte(self) -> float:
        """-log2 p of the text per UTF-8 byte: comparable between tokenizers."""
        return self.nll / _LN2 / self.bytes if self.bytes else math.nan

    @property
    def word_perplexity(self) -> float:
        """exp of -ln p of the text per word: comparable between tokenizers."""
        return _exp(self.nll, self.words)

    @property
    def unigram_perplexity(self) -> float | None:
        """Perplexity of the unigram model on the same tokens."""
        return None if self.unigram_nll is None else _exp(self.unigram_nll, self.tokens)

    def add(self, other: PerplexityResult) -> None:
        """Add the totals of `other`."""
        for name in ("nll", "tokens", "bytes", "words", "documents", "nan_tokens", "unscored_tokens"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if other.unigram_nll is not None:
            self.unigram_nll = (self.unigram_nll or 0.0) + other.unigram_nll

    def to_json(self) -> dict[str, Any]:
        """Totals and rates, and which text they are of where that is known; numbers that are not finite become null."""
        value: dict[str, Any] = {
            "perplexity": self.perplexity,
            "bits_per_byte": self.bits_per_byte,
            "word_perplexity": self.word_perplexity,
            "unigram_perplexity": self.unigram_perplexity,
            **{name: item for name, item in asdict(self).items() if name != "domains" and item != ""},
        }
        value = {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in value.items()}
        if self.domains:
            value["domains"] = {name: result.to_json() for name, result in self.domains.items()}
        return value


def perplexity(
    loaded: LoadedModel,
    documents: Iterable[str],
    *,
    token_counts: np.ndarray | None = None,
    stride: int | None = None,
    context: int | None = None,
    buffer_characters: int = 400_000,
    progress: Progress | None = None,
) -> PerplexityResult:
    """Score `documents`, streamed (about `buffer_characters` of them at once): each after the beginning mark, in windows of the model's context length.

    A document longer than the context is read in windows that move on by `stride` tokens (default: half the
    context), each scoring only what none before it did: every token but those near the document's start has
    at least `context - stride` tokens before it. `context` reads so many tokens at once, which may be more than the model was
    trained on where its positions are angles that are computed for any length. `token_counts` [V] (how often each id occurs in the training
    text) adds the unigram model. DataError when there is no text; EvaluationError for masked models, which
    have no perplexity.
    """
    if loaded.masked:
        raise EvaluationError(
            f"{loaded.name} is a masked language model: it defines no probability of a text and so no "
            "perplexity. "
            "Use --tasks blimp (pseudo-log-likelihood)."
        )
    context = _context(loaded, context)
    if stride is not None and (stride < 1 or (context is not None and stride > context)):
        raise EvaluationError(f"--stride {stride} must lie between 1 and the context of {context} tokens.")
    total = PerplexityResult(unigram_nll=None if token_counts is None else 0.0)
    unigram = None if token_counts is None else _unigram_nll(token_counts, loaded)
    scorer = CausalScorer(loaded, stride=stride, context=context)
    for batch in _buffers(documents, buffer_characters):
        sequences, unscored = _encode(loaded, batch)
        total.documents += len(batch)
        total.unscored_tokens += unscored
        total.bytes += sum(len(text.encode("utf-8", "surrogatepass")) for text in batch)
        total.words += sum(len(text.split()) for text in batch)
        for sequence, values in zip(sequences, scorer.score(sequences), strict=True):
            total.nll -= float(values.sum(dtype=np.float64))
            total.nan_tokens += int(np.isnan(values).sum())
            total.tokens += len(values)
            if unigram is not None and len(values):
                scored = np.asarray([sequence.ids[p] for p in sequence.targets])
                total.unigram_nll = (total.unigram_nll or 0.0) + float(unigram[scored].sum())
        if progress is not None:
            progress(total.bytes, 0)
    if total.tokens == 0:
        raise DataError("perplexity: the evaluation text is empty (no document with a token to score).")
    return total


def _context(loaded: LoadedModel, asked: int | None) -> int | None:
    limit = loaded.context_length
    if asked is not None and limit is not None and asked > limit and not loaded.rotary:
        raise EvaluationError(
            f"--context {asked}: {loaded.name} has {limit} positions and nothing to say of a later one (they are learned, or kept in a "
            "table). Only models with rotary positions, such as Llama, read on: lower it."
        )
    return limit if asked is None else asked


def perplexity_by_domain(
    loaded: LoadedModel,
    domains: Mapping[str, Iterable[str]],
    *,
    token_counts: np.ndarray | None = None,
    stride: int | None = None,
    context: int | None = None,
    progress: Progress | None = None,
    total_bytes: int = 0,
) -> PerplexityResult:
    """The total over all domains (name -> documents), with each domain's own result in `domains`. Empty ones
    are left out."""
    total = PerplexityResult(unigram_nll=None if token_counts is None else 0.0)
    for name, documents in domains.items():
        try:
            result = perplexity(
                loaded,
                documents,
                token_counts=token_counts,
                stride=stride,
                context=context,
                progress=_after(progress, total.bytes, total_bytes),
            )
        except DataError as error:
            if "empty" not in str(error):
                raise
            continue
        total.domains[name] = result
        total.add(result)
    if total.tokens == 0:
        raise DataError("perplexity: the evaluation text is empty (no document with a token to score).")
    if len(total.domains) == 1:
        total.domains = {}
    return total


def _after(progress: Progress | None, before: int, whole: int) -> Progress | None:
    """Progress over bytes of all domains, as seen from one that begins after `before` bytes."""
    return None if progress is None else lambda done, _: progress(before + done, max(whole, before + done))


def _buffers(documents: Iterable[str], characters: int) -> Iterator[list[str]]:
    """Documents in groups of bounded size, so that a corpus of any size streams through."""
    batch: list[str] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document)
        if size >= characters:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _encode(loaded: LoadedModel, texts: list[str]) -> tuple[list[Encoded], int]:
    """Each text after the beginning mark; without such a mark its first token is context only, and counted as
    unscored."""
    first = context_token(loaded.tokenizer)
    encoded = [ids for ids in encode_plain(loaded.tokenizer, texts) if ids]
    if first is None:
        return [Encoded(tuple(ids), range(1, len(ids))) for ids in encoded], len(encoded)
    return [Encoded((first, *ids), range(1, len(ids) + 1)) for ids in encoded], 0


def _unigram_nll(token_counts: np.ndarray, loaded: LoadedModel) -> np.ndarray:
    """-ln of the add-one smoothed share of every token id [V].

    `token_counts` are those of the packed text, where every document adds a `<s>` and a `</s>`. Neither mark nor the
    padding is ever scored, so their counts are taken as zero: a unigram model that spends probability on them would
    be a yardstick too easy to beat.
    """
    size = len(loaded.tokenizer)
    if len(token_counts) < size:
        raise EvaluationError(
            f"the run's token counts cover {len(token_counts)} ids and its tokenizer has {size}: they do not "
            "belong together."
        )
    counts = np.array(token_counts, dtype=np.float64)
    tokenizer = loaded.tokenizer
    for mark in (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id):
        if mark is not None and mark != tokenizer.unk_token_id:
            counts[mark] = 0.0
    counts += 1.0
    return -np.log(counts / counts.sum())


def _exp(nll: float, count: int) -> float:
    if not count:
        return math.nan
    return math.exp(nll / count) if nll / count < 700 else math.inf
