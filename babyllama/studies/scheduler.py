"""Runs as processes: a few at a time, each with its share of the machine; killed with the study, and none run twice."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from babyllama import console
from babyllama.artifacts import Lock, write_text
from babyllama.config import Config
from babyllama.device import available_cores
from babyllama.runs import run_of
from babyllama.settings import resolved_yaml
from babyllama.studies.design import StudyRun
from babyllama.studies.state import FINISHED, StudyState, status
from babyllama.text import duration, plural

POLL_SECONDS = 0.5
GRACE_SECONDS = 120.0
"""How long a stopped run may take to save its checkpoint."""


@dataclass(frozen=True)
class Share:
    """The part of the machine that one run gets."""

    slot: int
    threads: int
    devices: tuple[str, ...] = ()
    """GPUs; empty: whatever the configuration says."""

    def environment(self) -> dict[str, str]:
        """Environment variables of its process."""
        found = {**os.environ, "OMP_NUM_THREADS": str(self.threads)}
        if self.devices:
            found["CUDA_VISIBLE_DEVICES"] = self.devices[self.slot % len(self.devices)]
        return found


@dataclass
class Running:
    """A run that is being made."""

    run: StudyRun
    process: subprocess.Popen[bytes]
    log: Path
    slot: int
    began: float
    stopped: bool = False

    def stop(self) -> None:
        """Ask it to save a checkpoint and end."""
        self.stopped = True
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)


class Scheduler:
    """Makes runs in up to `jobs` processes at a time."""

    def __init__(self, folder: Path, state: StudyState, jobs: int) -> None:
        self.folder, self.state, self.jobs = folder, state, jobs
        self.threads = max(1, available_cores() // jobs)
        self.devices = tuple(visible_gpus())
        self.running: list[Running] = []
        self.made = 0
        """Runs that this command finished."""

    @property
    def free(self) -> bool:
        """May another run start?"""
        return len(self.running) < self.jobs

    def start(self, run: StudyRun) -> Running:
        """Start the process of `run`, which resumes what lies in its folder."""
        log = self.folder / "logs" / f"{run.name}.log"
        slot = next(number for number in range(self.jobs) if number not in {one.slot for one in self.running})
        _wait_for_owner(run)
        process = start_process(
            self.folder / "configs" / f"{run.name}.yaml",
            run.config,
            "train",
            log,
            Share(slot, self.threads, self.devices),
        )
        console.say(f"{run.name}: started")
        self.running.append(Running(run, process, log, slot, time.monotonic()))
        return self.running[-1]

    def wait(self, look: Callable[[Running], None] = lambda one: None) -> list[Running]:
        """The runs that have ended; waits for one. `look` is called for each that goes on, from time to time."""
        while True:
            ended = [one for one in self.running if one.process.poll() is not None]
            if ended or not self.running:
                break
            for one in self.running:
                look(one)
            time.sleep(POLL_SECONDS)
        for one in ended:
            self.running.remove(one)
            self._record(one)
        return ended

    def _record(self, one: Running) -> None:
        name = one.run.name
        if one.process.returncode == 0 and status(one.run) == FINISHED:
            self.state.failures.pop(name, None)
            self.made += 1
            console.say(f"{name}: finished in {duration(time.monotonic() - one.began)}")
        elif not one.stopped:
            why = last_line(one.log) or f"exit code {one.process.returncode}"
            self.state.failures[name] = why
            console.warn(f"{name} failed, the others go on: {why} (all it said: {one.log})")
        self.state.save()

    @contextlib.contextmanager
    def stopping(self) -> Iterator[None]:
        """Whatever ends the block, no run is left going: each saves a checkpoint and ends."""
        try:
            yield
        finally:
            if self.running:
                runs = plural(len(self.running), "run")
                console.announce(f"stopping {runs}, after a checkpoint; the same command goes on from there")
            for one in self.running:
                one.stop()
            for one in self.running:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    one.process.wait(GRACE_SECONDS)


def start_process(path: Path, config: Config, command: str, log: Path, share: Share) -> subprocess.Popen[bytes]:
    """Start `babyllama <command>` on `config`, which is written to `path`; it ends when this process does."""
    if config.training.threads is None:
        config = config.model_copy(update={"training": config.training.model_copy(update={"threads": share.threads})})
    write_text(path, resolved_yaml(config))
    log.parent.mkdir(parents=True, exist_ok=True)
    arguments = [sys.executable, "-m", "babyllama", command, "--config", str(path)]
    arguments += ["--resume-from-checkpoint"] if command == "train" else []
    with log.open("ab") as handle:
        return subprocess.Popen(
            arguments,
            stdout=handle,
            stderr=handle,
            stdin=subprocess.DEVNULL,
            env=share.environment(),
            # A Ctrl-C is for this process, which then asks each run to save.
            process_group=0,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )


def _end_with_parent() -> None:
    """Linux: a run whose study is killed gets SIGTERM, saves a checkpoint and ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _wait_for_owner(run: StudyRun) -> None:
    """A run of a study that was killed may still be saving its checkpoint."""
    path = run_of(run.config).paths.lock
    until = time.monotonic() + GRACE_SECONDS
    while path.exists() and time.monotonic() < until:
        lock = Lock(path)
        try:
            if lock.acquire(wait=False):
                lock.release()
                return
        except OSError:
            return
        time.sleep(POLL_SECONDS)


def visible_gpus() -> list[str]:
    """The GPUs that processes can be bound to, as CUDA_VISIBLE_DEVICES names them; found without starting CUDA here."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [one.strip() for one in named.split(",") if one.strip() and one.strip() != "-1"]
    try:
        found = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(number) for number, line in enumerate(found.splitlines()) if line.startswith("GPU ")]


def default_jobs() -> int:
    """As many runs at a time as there are GPUs, else one."""
    return max(1, len(visible_gpus()))


def last_line(log: Path) -> str:
    """The last error a run said, else its last line."""
    try:
        lines = [
            line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()
        ]
    except OSError:
        return ""
    errors = [line for line in lines if line.startswith("error: ")]
    return (errors or lines or [""])[-1].removeprefix("error: ")[:300]
