"""Which public data sets a configuration's text comes from, as far as files and names tell."""

from __future__ import annotations

import os
from pathlib import Path

from babyllama.artifacts import read_sealed
from babyllama.config import Config
from babyllama.errors import RunError

RECORD = ".fetched.json"
"""What a folder brought by `babyllama fetch` says about itself."""


def data_sets(config: Config) -> dict[str, str]:
    """Hub names of the data sets behind the training text, each with its licence, "" where that is not known.

    Those that `mixing.sources` names by `hub`, and those that `babyllama fetch` brought. Text of which neither tells where
    it is from (a cleaned copy, files of one's own) is in none of them.
    """
    mixing = config.mixing
    if mixing is None:
        return _fetched([config.data.train_path])
    found = {one.hub: "" for one in mixing.sources if one.hub}
    return found | _fetched([os.path.join(mixing.root, one.path) for one in mixing.sources if one.path])


def _fetched(paths: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in paths:
        for folder in (Path(path), *list(Path(path).parents)[:2]):
            try:
                record = read_sealed(folder / RECORD)
            except (RunError, OSError):
                continue
            found[str(record["repository"])] = str(record.get("licence") or "")
            break
    return found
