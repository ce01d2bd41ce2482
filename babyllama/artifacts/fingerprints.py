"""Content fingerprints: what a file or a value holds, as one hash; and the versions it was made with."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import re
import types
from collections.abc import Iterable
from functools import cached_property, partial
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
    """What a function does, as a JSON-like value that is the same in every process: its code, its defaults, and what it names
    of its package, which are functions, classes, patterns, words, numbers and collections of them. Of modules, and of what
    other packages bring, only the name.
    """
    return _code_value(value, _package(value.func if isinstance(value, partial) else value), {})


def _package(value: Any) -> str:
    return str(getattr(value, "__module__", None) or type(value).__module__).split(".")[0]


def _code_value(value: Any, package: str, seen: dict[int, Any]) -> Any:
    """`seen`: what was told already, and is told by name when it comes again: functions call each other."""

    def of(part: Any) -> Any:
        return _code_value(part, package, seen)

    value = getattr(value, "__wrapped__", value)  # behind lru_cache and functools.wraps
    if isinstance(value, re.Pattern):
        return [value.pattern, value.flags]
    if value is None or isinstance(value, str | bytes | int | float):
        return value if isinstance(value, str) else repr(value)
    if isinstance(value, tuple):
        return [of(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(map(of, value), key=repr)
    if isinstance(value, types.CodeType):
        return [value.co_code.hex(), value.co_names, of(value.co_consts)]
    name = getattr(value, "__qualname__", type(value).__qualname__)
    if id(value) in seen:
        return name
    seen[id(value)] = value
    if isinstance(value, list):
        return [of(one) for one in value]
    if isinstance(value, dict):
        return [[of(key), of(one)] for key, one in value.items()]
    if isinstance(value, partial):
        return [of(value.func), of(value.args), of(value.keywords)]
    if isinstance(value, property | cached_property):
        return of(value.fget if isinstance(value, property) else value.func)
    if isinstance(value, types.MethodType | staticmethod | classmethod):
        return of(value.__func__)
    if _package(value) != package:
        return name
    if isinstance(value, types.FunctionType):
        uses = _names(value.__code__) & value.__globals__.keys()
        cells = [cell.cell_contents for cell in value.__closure__ or () if cell != types.CellType()]
        return [of(value.__code__), of(value.__defaults__), of(value.__kwdefaults__), of(cells)] + [
            [one, of(value.__globals__[one])] for one in sorted(uses)
        ]
    if isinstance(value, type):
        own = {key: one for key, one in vars(value).items() if not key.startswith("__") or callable(one)}
        return [name, of(value.__bases__), of(own)]
    return [of(type(value)), of(vars(value))] if hasattr(value, "__dict__") else name


def _names(code: types.CodeType) -> set[str]:
    """The names that a function's code, and the functions in it, look up."""
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def package_versions(*names: str) -> dict[str, str]:
    """Installed versions of `names` (none: the packages that shape a run) and of Python, without importing them."""
    names = names or ("babyllama", "torch", "transformers", "tokenizers", "datasets", "accelerate", "numpy")
    versions = {"python": platform.python_version()}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
