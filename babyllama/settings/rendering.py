"""A configuration as text again."""

from __future__ import annotations

from babyllama.config import Config
from babyllama.config.scalars import dump


def resolved_yaml(config: Config) -> str:
    """`config` with every default written out; loading it again gives an equal configuration."""
    return dump(config.model_dump(mode="json"))
