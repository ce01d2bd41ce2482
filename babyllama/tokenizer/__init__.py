"""Tokenizers: train one, save it so that every Hugging Face version reads it, load it, describe it on held-out text."""

from babyllama.tokenizer.files import (
    as_raw_text,
    boundary_ids,
    find_tokenizer,
    load_fast,
    load_tokenizer,
    save_tokenizer,
    special_ids,
    tokenizer_fingerprint,
    wrap_tokenizer,
)
from babyllama.tokenizer.report import TokenizerReport, compare, describe, describe_domains
from babyllama.tokenizer.special_tokens import BOS, EOS, MASK, PAD, SPECIAL_TOKENS, SpecialIds
from babyllama.tokenizer.stage import build_tokenizer
from babyllama.tokenizer.train import train_tokenizer

__all__ = [
    "BOS",
    "EOS",
    "MASK",
    "PAD",
    "SPECIAL_TOKENS",
    "SpecialIds",
    "TokenizerReport",
    "as_raw_text",
    "boundary_ids",
    "build_tokenizer",
    "compare",
    "describe",
    "describe_domains",
    "find_tokenizer",
    "load_fast",
    "load_tokenizer",
    "save_tokenizer",
    "special_ids",
    "tokenizer_fingerprint",
    "train_tokenizer",
    "wrap_tokenizer",
]
