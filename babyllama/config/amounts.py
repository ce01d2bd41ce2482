"""Amounts of text as people write them: `2MB`, `4kB`, `10M words`, `5M tokens`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_MOST = 10**15
_AMOUNT = re.compile(r"\s*(\d[\d_,]*(?:\.\d+)?)\s*([kmg]?)(i?)\s*(b|bytes?|words?|tokens?)?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Amount:
    """A number of `unit`s of text; `unit` is bytes, words or tokens, or None where the text did not say."""

    number: int
    unit: str | None

    def __str__(self) -> str:
        return f"{self.number:,} {self.unit or 'units'}"


def parse_amount(text: str) -> Amount:
    """The amount that `text` names. Prefixes are decimal: 2MB is 2,000,000 bytes; MiB is refused as ambiguous.

    ValueError, with the forms that are understood, for any other text.
    """
    match = _AMOUNT.fullmatch(text)
    number = float(re.sub("[_,]", "", match[1])) * _FACTORS[match[2].lower()] if match else 0
    if not match or match[3] or not 1 <= number <= _MOST:
        raise ValueError(
            "is not an amount of text: write it as 2MB, 500kB, 10M words or 5M tokens (prefixes are decimal: 2MB is "
            "2,000,000 bytes)"
        )
    unit = (match[4] or "").lower().rstrip("s")
    return Amount(round(number), {"b": "bytes", "byte": "bytes", "word": "words", "token": "tokens"}.get(unit))


def parse_bytes(text: str) -> int:
    """A size in bytes, for example `4kB`; ValueError for another unit."""
    amount = parse_amount(text)
    if amount.unit not in (None, "bytes"):
        raise ValueError("must be a size in bytes, for example 4kB")
    return amount.number
