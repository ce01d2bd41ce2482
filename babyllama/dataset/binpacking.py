"""Best-fit decreasing: which pieces share a block."""

from __future__ import annotations

import numpy as np


def fill_blocks(sizes: np.ndarray, capacity: int) -> tuple[np.ndarray, np.ndarray]:
    """Put pieces of `sizes` (each 1..capacity tokens) into blocks of at most `capacity` tokens.

    Longest first, each into the fullest block that still has room. Returns the pieces in block order [P], and the number
    of tokens in each block [B]. Blocks are ordered by the first of their pieces, and pieces inside a block by their
    place in the text, so that the order of the text is kept as far as the packing allows.
    """
    block_of = _best_fit_decreasing(sizes, capacity)
    blocks = int(block_of.max()) + 1 if len(block_of) else 0
    first = np.full(blocks, len(sizes))
    np.minimum.at(first, block_of, np.arange(len(sizes)))
    rank = np.empty(blocks, dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(blocks)
    place = rank[block_of]
    return np.argsort(place, kind="stable"), np.bincount(place, weights=sizes, minlength=blocks).astype(np.int64)


def _best_fit_decreasing(sizes: np.ndarray, capacity: int) -> np.ndarray:
    """Block number of each piece. Works on all pieces of one length and all blocks of one free room at a time."""
    block_of = np.full(len(sizes), -1, dtype=np.int64)
    by_size = np.argsort(-sizes, kind="stable")
    bounds = np.searchsorted(-sizes[by_size], -np.arange(capacity, -1, -1), side="right")
    free: list[list[int]] = [[] for _ in range(capacity + 1)]
    has_room = np.zeros(capacity + 1, dtype=bool)
    blocks = 0
    begin = 0
    for size, end in zip(range(capacity, 0, -1), bounds, strict=False):
        pieces = by_size[begin:end]
        begin = end
        while len(pieces):
            room = size + int(np.argmax(has_room[size:])) if has_room[size:].any() else capacity
            per_block = room // size
            wanted = max(1, len(pieces) // per_block)
            per_block = min(per_block, len(pieces))
            if free[room]:
                chosen = np.array(free[room][:wanted])
                del free[room][:wanted]
                has_room[room] = bool(free[room])
            else:
                chosen = np.arange(blocks, blocks + wanted)
                blocks += wanted
            count = len(chosen) * per_block
            block_of[pieces[:count]] = np.repeat(chosen, per_block)
            pieces = pieces[count:]
            left = room - size * per_block
            if left:
                free[left].extend(chosen.tolist())
                has_room[left] = True
    return block_of
