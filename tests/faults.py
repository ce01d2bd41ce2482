"""Killing a stage at random moments: what is left must be the old artifact, the new one, or none.

A stage is a piece of Python that imports what it needs, prints one line when it starts to work and then works:

    STAGE = "from babyllama.corpus.mixing import mix; ...; print('working', flush=True); mix(config)"
    kills = kill_at_random_moments(STAGE, kills=5, seed=1, prepare=..., check=...)

It runs in a process of its own and is ended by SIGKILL, which no handler can soften, at moments drawn uniformly over the
time that the work takes undisturbed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from babyllama.artifacts import sole_builder


@dataclass(frozen=True)
class Kill:
    """One kill: when it came, out of how long the work takes, and whether the stage had ended before it."""

    moment: float
    duration: float
    too_late: bool
    found: str
    """What `check` said was left."""


def kill_at_random_moments(
    stage: str,
    *,
    kills: int,
    seed: int,
    prepare: Callable[[], None],
    check: Callable[[], str],
    environment: dict[str, str] | None = None,
    duration: float | None = None,
) -> list[Kill]:
    """Run `stage` once to the end, to time it, then `kills` times up to a random moment.

    Before each run `prepare` sets the scene; after each `check` looks at what is left, raises when it is neither absent
    nor whole, and says in a word which it is. `duration` in seconds replaces the timing run.
    """
    if duration is None:
        prepare()
        process = _start(stage, environment)
        begun = time.perf_counter()
        if process.wait() != 0:
            raise RuntimeError("the stage fails even when it is not killed")
        duration = time.perf_counter() - begun
        check()
    generator = random.Random(seed)
    results = []
    for _ in range(kills):
        prepare()
        moment = generator.uniform(0, duration)
        process = _start(stage, environment)
        time.sleep(moment)
        too_late = process.poll() is not None
        os.killpg(process.pid, signal.SIGKILL) if not too_late else None
        process.wait()
        results.append(Kill(moment, duration, too_late, check()))
    return results


def _start(stage: str, environment: dict[str, str] | None) -> subprocess.Popen[str]:
    """The stage's process, from the moment when it says that it works."""
    process = subprocess.Popen(
        [sys.executable, "-c", stage],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdout is not None
    if not process.stdout.readline():
        raise RuntimeError(f"the stage ended before it began to work (exit code {process.wait()})")
    return process


def waits_for_another_builder(path: Path, build: Callable[[], object]) -> bool:
    """Does `build`, which makes `path`, wait while another builder of `path` is at work, and then make it?"""
    with ThreadPoolExecutor() as pool:
        with sole_builder(path):
            done = pool.submit(build)
            waited = not wait([done], timeout=1).done
        done.result(timeout=600)
    return waited and path.exists()
