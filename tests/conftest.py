"""Fixtures shared by all rooms: every test builds its own tiny world below `tmp_path`."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, however busy the machine; `--hypothesis-profile=default` looks for new ones.
settings.register_profile("fixed", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fixed")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture
def repository() -> Path:
    """The checkout the tests run in."""
    return REPOSITORY


@pytest.fixture
def shared_data() -> Path:
    """Real text and BLiMP pairs beside the checkout; tests that want them are skipped where they are not."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real text in ../shared/data")
    return folder
