"""What a tokenizer does to held-out text: how many tokens it takes, how much of its vocabulary it uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from babyllama.tokenizer.cutting import PreTokenizerKind, cut_text

_PIECE, _BATCH = 20_000, 64
RARE = 5
"""A vocabulary entry that held-out text uses at least once but fewer times than this is counted as rare."""


@dataclass(frozen=True)
class DomainReport:
    """Counts over the text of one domain (by default: one file)."""

    documents: int
    words: int
    bytes: int
    tokens: int
    used: int
    """Vocabulary entries that occur."""

    @property
    def tokens_per_word(self) -> float:
        """Tokens (special tokens not counted) per whitespace-separated string."""
        return self.tokens / self.words if self.words else float("nan")

    @property
    def bytes_per_token(self) -> float:
        """UTF-8 bytes per token."""
        return self.bytes / self.tokens if self.tokens else float("nan")


@dataclass(frozen=True)
class TokenizerReport:
    """A tokenizer measured on text it was not trained on."""

    vocab_size: int
    total: DomainReport
    domains: dict[str, DomainReport]
    rare: int
    """Entries used at least once and fewer than `RARE` times."""
    longest: list[str]
    """The ten longest entries, decoded."""
    lossless: bool
    """Whether every document decoded to itself."""
    unknown: int = field(default=0)
    """Tokens that stand for text the vocabulary cannot spell."""

    @property
    def tokens_per_word(self) -> float:
        """Over all domains."""
        return self.total.tokens_per_word

    @property
    def bytes_per_token(self) -> float:
        """Over all domains."""
        return self.total.bytes_per_token

    @property
    def share_used(self) -> float:
        """Part of the vocabulary that occurs in the text."""
        return self.total.used / self.vocab_size

    def to_json(self) -> dict[str, Any]:
        """Counts and ratios as a JSON-like value."""
        return {
            **asdict(self),
            "tokens_per_word": self.tokens_per_word,
            "bytes_per_token": self.bytes_per_token,
            "share_used": self.share_used,
        }

    def lines(self) -> list[str]:
        """The report in words, for a terminal."""
        lines = [
            f"vocabulary {self.vocab_size:,}   tokens per word {self.tokens_per_word:.3f}   bytes per token "
            f"{self.bytes_per_token:.3f}   (held-out text: {self.total.words:,} words, {self.total.bytes:,} bytes)",
            f"used {self.share_used:.1%} of the vocabulary, {self.rare:,} entries fewer than {RARE} times; "
            f"decoding is {'lossless' if self.lossless else 'NOT lossless'}",
            "longest tokens: " + " ".join(repr(token) for token in self.longest),
        ]
        if len(self.domains) > 1:
            width = max(len(name) for name in self.domains)
            lines += [
                f"  {name:{width}}  {domain.tokens_per_word:.3f} tokens/word  {domain.bytes_per_token:.3f} bytes/token"
                for name, domain in self.domains.items()
            ]
        return lines


def describe(tokenizer: Tokenizer, texts: Iterable[str]) -> TokenizerReport:
    """Measure `tokenizer` on `texts`, all of one domain."""
    return describe_domains(tokenizer, {"text": texts})


def describe_domains(tokenizer: Tokenizer, domains: Mapping[str, Iterable[str]]) -> TokenizerReport:
    """Measure `tokenizer` on the documents of each domain; memory is bounded by the longest document."""
    size = tokenizer.get_vocab_size()
    kind = PreTokenizerKind.of(tokenizer)
    counts: dict[str, np.ndarray] = {}
    reports: dict[str, DomainReport] = {}
    lossless = True
    for name, texts in domains.items():
        seen = np.zeros(size, dtype=np.int64)
        documents = words = length = 0
        for text in texts:
            documents += 1
            words += len(text.split())
            length += len(text.encode())
            pieces = cut_text(text, _PIECE, kind)
            while batch := list(islice(pieces, _BATCH)):
                encodings = tokenizer.encode_batch_fast(batch, add_special_tokens=False)
                ids = [encoding.ids for encoding in encodings]
                seen += np.bincount(np.concatenate([np.asarray(row, dtype=np.int64) for row in ids]), minlength=size)
                lossless = lossless and tokenizer.decode_batch(ids, skip_special_tokens=False) == batch
        counts[name] = seen
        reports[name] = DomainReport(documents, words, length, int(seen.sum()), int((seen > 0).sum()))
    total = sum(counts.values(), np.zeros(size, dtype=np.int64))
    overall = DomainReport(
        documents=sum(report.documents for report in reports.values()),
        words=sum(report.words for report in reports.values()),
        bytes=sum(report.bytes for report in reports.values()),
        tokens=int(total.sum()),
        used=int((total > 0).sum()),
    )
    unknown = tokenizer.token_to_id(getattr(tokenizer.model, "unk_token", None) or "") if size else None
    return TokenizerReport(
        vocab_size=size,
        total=overall,
        domains=reports,
        rare=int(((total > 0) & (total < RARE)).sum()),
        longest=_longest(tokenizer),
        lossless=lossless,
        unknown=int(total[unknown]) if unknown is not None else 0,
    )


def _longest(tokenizer: Tokenizer, number: int = 10) -> list[str]:
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    entries = ((len(token), identifier) for token, identifier in tokenizer.get_vocab().items() if token not in special)
    longest = sorted(entries, key=lambda entry: (-entry[0], entry[1]))[:number]
    shown = []
    for length, identifier in longest:
        text = tokenizer.decode([identifier])
        # Bytes that are no text by themselves are shown as the vocabulary spells them, one character for each byte; where
        # as many bytes come back, the text does hold U+FFFD.
        broken = "\ufffd" in text and len(text.encode()) != length
        shown.append((tokenizer.id_to_token(identifier) or text) if broken else text)
    return shown


def compare(reports: Mapping[str, TokenizerReport]) -> Iterator[str]:
    """A table of several tokenizers on the same text, line by line; then tokens per word by domain."""
    yield (f"{'tokenizer':>24} {'entries':>8} {'tokens/word':>12} {'bytes/token':>12} {'used':>7} {'rare':>6}  longest")
    for name, report in reports.items():
        yield (
            f"{name:>24} {report.vocab_size:>8,} {report.tokens_per_word:>12.3f} {report.bytes_per_token:>12.3f} "
            f"{report.share_used:>7.1%} {report.rare:>6,}  {' '.join(map(repr, report.longest[:3]))}"
        )
    domains = list(next(iter(reports.values())).domains) if reports else []
    if len(domains) > 1:
        width = max(map(len, domains))
        yield ""
        yield f"{'tokens per word':>{width}} " + " ".join(f"{name:>24}" for name in reports)
        for domain in domains:
            ratios = (report.domains[domain].tokens_per_word for report in reports.values())
            yield f"{domain:>{width}} " + " ".join(f"{ratio:>24.3f}" for ratio in ratios)
