"""The Hugging Face Hub as both ways to it see it: its address, its checksums, and its errors in one line."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable


def endpoint() -> str:
    """Address of the Hub: `HF_ENDPOINT`, else the public one."""
    from huggingface_hub import constants

    return os.environ.get("HF_ENDPOINT") or str(constants.ENDPOINT)


def checksum(blocks: Iterable[bytes], size: int, *, large: bool) -> str:
    """What the Hub knows a file of `size` bytes by: SHA-256 in large-file storage, else git's SHA-1 of a blob."""
    digest = hashlib.sha256() if large else hashlib.sha1(f"blob {size}\0".encode())
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()


def is_out_of_reach(error: Exception) -> bool:
    """Did the way to the Hub fail, and not the Hub itself or a disk?"""
    # The Hub's client has errors of its own, by the name of its library; a full disk is another matter.
    on_the_way = type(error).__module__.split(".")[0].startswith("httpx") or isinstance(
        error, ConnectionError | TimeoutError
    )
    return on_the_way or (isinstance(error, OSError) and error.errno is None)


def first_line(error: Exception) -> str:
    """The first line of an error that says something."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
