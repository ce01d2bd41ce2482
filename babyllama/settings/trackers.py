"""Which trackers a configuration asks for, and whether they are installed; asked before anything is built."""

from __future__ import annotations

import importlib.util

from babyllama.config import Config
from babyllama.errors import ConfigError


def tracker_names(config: Config) -> list[str]:
    """The trackers that `config` asks for, each once; ConfigError names the package that is missing."""
    names = list(dict.fromkeys([*(["wandb"] if config.logging.wandb else []), *config.logging.report_to]))
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise ConfigError(f"logging.report_to: {name} is not installed; pip install {name}.")
    return names
