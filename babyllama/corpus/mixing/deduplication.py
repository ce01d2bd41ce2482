"""Leaving out units that occurred before: the same text, or nearly the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from babyllama.errors import ConfigError

SIMILARITY = 0.8
"""Jaccard similarity of two units' shingles from which they count as nearly the same."""
SHINGLE = 5
"""Words in a shingle."""
PERMUTATIONS = 128


def duplicate_test(kind: str, seed: int) -> Callable[[bytes], bool] | None:
    """A function that says whether a unit repeats one it was given before; None for `kind="none"`.

    `exact` compares texts by a 64-bit hash, about 90 bytes of memory a unit; `near` adds MinHash (Broder 1997) with
    locality-sensitive hashing over shingles of five words, by the library rensa. Units shorter than two shingles are
    only compared exactly. Raises `ConfigError` when `near` is asked for and rensa is not installed.
    """
    if kind == "none":
        return None
    seen: set[int] = set()

    def is_exact(data: bytes) -> bool:
        key = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest())
        if key in seen:
            return True
        seen.add(key)
        return False

    return is_exact if kind == "exact" else _near(is_exact, seed)


def _near(is_exact: Callable[[bytes], bool], seed: int) -> Callable[[bytes], bool]:
    try:
        from rensa import RMinHash, RMinHashDeduplicator  # type: ignore[import-untyped]
    except ImportError as error:
        raise ConfigError(
            "mixing.deduplicate = 'near' needs the package rensa, which is not installed. Install it with "
            '`pip install "babyllama[dedup]"` (in a checkout: `pip install -e ".[dedup]"`), or use '
            "mixing.deduplicate=exact."
        ) from error
    index = RMinHashDeduplicator(SIMILARITY, PERMUTATIONS, True, None, seed)
    count = 0

    def is_near(data: bytes) -> bool:
        nonlocal count
        if is_exact(data):
            return True
        words = data.decode().split()
        if len(words) <= SHINGLE:
            return False
        sketch = RMinHash(num_perm=PERMUTATIONS, seed=seed)
        sketch.update([" ".join(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)])
        count += 1
        return not index.add(str(count), sketch)

    return is_near
