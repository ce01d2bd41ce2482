"""Content fingerprints: what a file or a value holds, as one hash; and the versions it was made with."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import re
import types
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any, cast

from babyllama.artifacts.files import open_regular

_PREFIX = "sha256:"


def fingerprint_file(path: str | Path) -> str:
    """SHA-256 of the file's bytes, as `sha256:<hex>`."""
    with open_regular(path) as handle:
        return _PREFIX + hashlib.file_digest(cast(Any, handle), "sha256").hexdigest()


def fingerprint_files(paths: Iterable[str | Path]) -> str:
    """One fingerprint of several files in the given order; names do not count, so a moved corpus is the same corpus."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(fingerprint_file(path).encode())
    return _PREFIX + digest.hexdigest()


def fingerprint_bytes(data: bytes) -> str:
    """SHA-256 of `data`, as `sha256:<hex>`: the fingerprint of a file that holds it."""
    return _PREFIX + hashlib.sha256(data).hexdigest()


def fingerprint_value(value: Any) -> str:
    """SHA-256 of a JSON-like value with sorted keys, as `sha256:<hex>`."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return fingerprint_bytes(text.encode("utf-8", "surrogatepass"))


def code_value(value: Any) -> Any:
    """What a function does, as a JSON-like value that is the same in every process; a pattern's text, text itself."""
    code = getattr(value, "__code__", value)
    if isinstance(code, types.CodeType):
        return [code.co_code.hex(), code.co_names, [code_value(constant) for constant in code.co_consts]]
    if isinstance(value, re.Pattern):
        return [value.pattern, value.flags]
    return value if isinstance(value, str) else getattr(value, "__qualname__", type(value).__qualname__)


def package_versions(*names: str) -> dict[str, str]:
    """Installed versions of `names` (none: the packages that shape a run) and of Python, without importing them."""
    names = names or ("babyllama", "torch", "transformers", "tokenizers", "datasets", "accelerate", "numpy")
    versions = {"python": platform.python_version()}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
