"""The files of a packed dataset; the only place where their names and types are spelled.

tokens.bin        every token of the text with its special tokens, one after another (uint16, or uint32 for large vocabularies)
targets.bin       only of prompts with responses, one bit per token: it is learned
words.bin         one bit per token: a word starts in it
more_words.bin    int64: the token again for each further word that starts in the same token (seldom any)
starts.bin        int64: the token at which each piece starts; with `concat` a piece is a document
pieces.bin        not with `concat`, int64 pairs: document number and part number of each piece
blocks.bin        not with `concat`, int64: the token at which each block starts, and the end
token_counts.npy  int64 [V]: how often each token occurs, special tokens included
manifest.json     what went in, the settings, the counts
"""

from __future__ import annotations

import numpy as np

TOKENS, WORDS, MORE_WORDS, STARTS = "tokens.bin", "words.bin", "more_words.bin", "starts.bin"
TARGETS = "targets.bin"
PIECES, BLOCKS, TOKEN_COUNTS = "pieces.bin", "blocks.bin", "token_counts.npy"
POSITION = np.dtype("<i8")


def token_type(vocab_size: int) -> np.dtype:
    """The narrowest unsigned type that holds ids below `vocab_size`."""
    return np.dtype("<u2") if vocab_size <= 1 << 16 else np.dtype("<u4")


def runs(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The concatenated ranges start, start+1, ... of the given lengths, as one index array."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(total, dtype=POSITION)
