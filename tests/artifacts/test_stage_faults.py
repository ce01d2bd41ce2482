"""Real kills and a full disk in every stage that makes an artifact: the old one stays, the new one is there, or none."""

import subprocess
import sys
from pathlib import Path

import pytest
from stage_faults import STAGES, Dataset, kill_stage

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.mark.parametrize("name", STAGES)
def test_a_killed_stage_leaves_whole_artifacts_or_none(name: str, tmp_path: Path) -> None:
    kills = kill_stage(name, tmp_path, kills=5, seed=1)
    assert len(kills) == 5
    assert any(not kill.too_late for kill in kills)


def test_a_full_disk_leaves_no_dataset(tmp_path: Path) -> None:
    """No file can grow beyond 20 kB."""
    Dataset(tmp_path).prepare()
    program = (
        "import resource, signal, sys\n"
        f"sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]!r}\n"
        "from pathlib import Path\nfrom stage_faults import NEW, Dataset\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        f"try: Dataset(Path({str(tmp_path)!r})).build(NEW)\n"
        "except OSError as error: print(error.strerror)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "File too large\n"
    assert not (tmp_path / "packed").exists()
