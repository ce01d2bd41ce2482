"""publish.yaml: what a run's page on the Hub says, changed after training; written here, and by its owner."""

from __future__ import annotations

from collections.abc import Sequence

from babyllama.artifacts import write_text
from babyllama.config import Config
from babyllama.config.scalars import dump
from babyllama.errors import ConfigError
from babyllama.runs.paths import RunPaths
from babyllama.settings import load_config


def with_publication(config: Config, paths: RunPaths) -> Config:
    """`config` with the `publish` section of publish.yaml, where there is one; ConfigError for mistakes in it."""
    if not paths.publish.is_file():
        return config
    return config.model_copy(update={"publish": load_config(paths.publish).publish})


def keep_publication(paths: RunPaths, overrides: Sequence[str]) -> None:
    """Write publish.yaml: what it or the configuration said, with `publish.key=value` overrides laid over it."""
    others = [override for override in overrides if not override.startswith("publish.")]
    if others:
        raise ConfigError(
            f"{others[0]}: a run is trained; only what its page says can be changed here (publish.key=value)."
        )
    before = paths.publish if paths.publish.is_file() else paths.config
    section = load_config(before, overrides).publish
    write_text(paths.publish, dump({"extends": paths.config.name, "publish": section.model_dump(mode="json")}))
