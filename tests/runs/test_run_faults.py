"""Finished worlds that are damaged, raced for or killed: nothing wrong without a word, no traceback, no hang.

A few trials of each kind; `benchmarks/faults.py --stages runs` makes hundreds.
"""

import random
from pathlib import Path

import pytest
import run_faults
from run_faults import Truth

pytestmark = [pytest.mark.integration, pytest.mark.slow]

GOOD = {run_faults.REFUSED, run_faults.MENDED, run_faults.UNHARMED}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_faults.make_world(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def truth(world: Path) -> Truth:
    return Truth.of(world)


@pytest.mark.parametrize(
    ("kind", "file", "how", "verdict"),
    [
        ("run", "models/tiny/final/model.safetensors", "flipped", run_faults.MENDED),
        ("run", "models/tiny/losses.csv", "digit", run_faults.MENDED),
        ("run", "models/tiny/modelcard.md", "folder", run_faults.MENDED),
        ("run", "models/tiny/run.json", "digit", run_faults.REFUSED),
        ("checkpoint", "models/tiny/checkpoints/checkpoint-58/optimizer.pt", "flipped", run_faults.MENDED),
        ("tokenizer", "models/tok.json", "cut", run_faults.UNHARMED),
        ("run", "models/tiny/token_counts.npy", "flipped", run_faults.MENDED),
    ],
)
def test_damage_is_said_or_mended(
    world: Path, truth: Truth, tmp_path: Path, kind: str, file: str, how: str, verdict: str
) -> None:
    assert run_faults.damaged(world, truth, tmp_path / "copy", kind, Path(file), how, seed=1) == verdict


def test_a_flipped_bit_of_packed_text_never_trains_other_weights(world: Path, truth: Truth, tmp_path: Path) -> None:
    packed = next(file for file in run_faults.spoilable(world)["packed text"] if file.name == "tokens.bin")
    assert run_faults.damaged(world, truth, tmp_path / "copy", "packed text", packed, "flipped", seed=1) in GOOD


def test_the_second_process_in_a_run_is_refused(world: Path, truth: Truth, tmp_path: Path) -> None:
    assert run_faults.raced(world, truth, tmp_path / "copy", delay=0.1) == run_faults.REFUSED


def test_a_kill_during_overwrite_leaves_the_old_run_or_the_new_one(world: Path, truth: Truth, tmp_path: Path) -> None:
    generator = random.Random(3)
    for number in range(3):
        verdict = run_faults.replaced(world, truth, tmp_path / f"copy-{number}", generator.random(), duration=3.0)
        assert verdict in GOOD
