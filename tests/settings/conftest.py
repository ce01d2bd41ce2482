"""A configuration file of one's own, and what loading it says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from babyllama.config import Config
from babyllama.errors import ConfigError
from babyllama.settings import load_config

MINIMAL = """\
model:
  type: Llama
  name: tiny
  hidden_size: 32
  n_layer: 2
  n_head: 4
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Config]:
    """The configuration of a text (or bytes) laid over the fewest keys that work, with overrides."""

    def load(text: str | bytes = "", *overrides: str) -> Config:
        path = tmp_path / "c.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        (tmp_path / "minimal.yaml").write_text(MINIMAL)
        return load_config(path, overrides)

    return load


@pytest.fixture
def mistakes(load: Callable[..., Config]) -> Callable[..., str]:
    """The message of the one error that a text ends in."""

    def mistakes(text: str | bytes = "", *overrides: str) -> str:
        with pytest.raises(ConfigError) as caught:
            load(text, *overrides)
        return str(caught.value)

    return mistakes
