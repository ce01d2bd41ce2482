"""Where the evaluation data of a suite lie, and what to do about those that are not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from babyllama.errors import DataError

DEFAULT_FOLDER = "data/evaluation"
_DEEPEST = 3
"""Folders below the one that is named: the published archives hold `evaluation_data/full_eval/<task>`."""
WHERE = (
    "`babyllama fetch babylm-2026-evals` brings the public files into data/evaluation/; or name the folder that holds them with "
    "--data DIR"
)
EWOK_WHERE = (
    "EWoK is given out by its authors under terms that you accept at https://huggingface.co/datasets/ewok-core/ewok-core-1.0, and "
    "its archives open with their password only; unpack ewok_filtered/ (ewok_fast/ for --fast) into the folder of --data "
    "(default data/evaluation/) yourself, and never publish it in plain text"
)


def find_data(root: Path, names: Sequence[str], pattern: str, *, fast: bool = False) -> Path | None:
    """The folder called one of `names`, at `root` or up to three folders below, that holds a file like `pattern`.

    Of several, one below a folder of the fast set is taken for `fast` and no other way; then the highest. DataError when
    `root` is no folder.
    """
    if not root.is_dir():
        raise DataError(f"no evaluation data at {root}: there is no such folder. {WHERE[0].upper() + WHERE[1:]}.")
    found = []
    level = [root]
    for depth in range(_DEEPEST + 1):
        for folder in level:
            if folder.name in names and any(folder.glob(pattern)):
                below = "fast" in "/".join(folder.relative_to(root).parts[:-1])
                found.append((below != fast, depth, str(folder), folder))
        level = [sub for folder in level for sub in _subfolders(folder)]
    return min(found)[-1] if found else None


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot read {folder}: {error.strerror or error}.") from error
