"""The way of a study: what is shared is made once, runs are made as processes, results are gathered."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from babyllama import console
from babyllama.errors import RunError
from babyllama.runs import run_of
from babyllama.studies.design import Study, StudyRun
from babyllama.studies.scheduler import Scheduler, Share, last_line, start_process
from babyllama.studies.state import FINISHED, StudyState, refuse_changed, sole_sweep, status
from babyllama.text import plural


@dataclass(frozen=True)
class Budget:
    """When no further run may start."""

    until: float | None
    target_loss: float | None
    runs: int | None

    @classmethod
    def of(cls, study: Study) -> Budget:
        """The budget of the study, whose hours begin now."""
        hours = study.section.max_hours
        until = None if hours is None else time.monotonic() + 3600 * hours
        return cls(until, study.section.target_loss, study.section.max_runs)

    def spent(self, finished: list[StudyRun]) -> str | None:
        """Why no further run starts; None while one may."""
        if self.until is not None and time.monotonic() >= self.until:
            return "study.max_hours are over"
        if self.target_loss is not None:
            for run in finished:
                loss = run_of(run.config).metrics.eval_loss
                if loss is not None and loss <= self.target_loss:
                    return f"{run.name} reached study.target_loss with {loss:.4f}"
        return None


def sweep(study: Study, jobs: int) -> list[StudyRun]:
    """Make the runs of `study`, `jobs` at a time, and return those that are finished.

    Finished runs are kept, an unfinished one goes on from its checkpoint, a failed one is recorded (and tried again by the
    next call). RunError when the study changed since its runs were made, or another process runs it.
    """
    with sole_sweep(study.folder):
        state = StudyState.load(study.folder)
        scheduler = Scheduler(study.folder, state, jobs)
        with scheduler.stopping():
            if study.adaptive:
                from babyllama.studies.search import search

                return search(study, scheduler, Budget.of(study))
            return _make_all(study, scheduler)


def _make_all(study: Study, scheduler: Scheduler) -> list[StudyRun]:
    runs = study.runs()
    refuse_changed(runs)
    finished = [run for run in runs if status(run) == FINISHED]
    waiting = [run for run in runs if run not in finished]
    if finished:
        console.say(f"{plural(len(finished), 'run')} of {len(runs)} finished before, kept")
    if waiting:
        make_tokenizer(study, scheduler)
    budget = Budget.of(study)
    stop = budget.spent(finished)
    while (waiting and not stop) or scheduler.running:
        while waiting and scheduler.free and not stop:
            scheduler.start(waiting.pop(0))
        for ended in scheduler.wait():
            if status(ended.run) == FINISHED:
                finished.append(ended.run)
        stop = stop or budget.spent(finished)
    if stop and waiting:
        console.say(f"{stop}: {plural(len(waiting), 'run')} not started")
    return [run for run in runs if run in finished]


def make_tokenizer(study: Study, scheduler: Scheduler) -> None:
    """Train the one tokenizer of all runs, where the study wants one; a process of its own does it, as a run would."""
    config = study.tokenizer_config()
    if config is None or Path(config.data.tokenizer_path).is_file():
        return
    log = study.folder / "logs" / "tokenizer.log"
    process = start_process(
        study.folder / "configs" / "tokenizer.yaml",
        config,
        "prepare",
        log,
        Share(0, scheduler.threads, scheduler.devices),
    )
    try:
        code = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
    if code:
        raise RunError(f"the tokenizer of the study could not be made: {last_line(log)} (all it said: {log})")
    console.say(f"tokenizer of all runs: {config.data.tokenizer_path}")


def finished_of(study: Study) -> list[StudyRun]:
    """The finished runs of `study`; nothing is made."""
    if study.adaptive:
        from babyllama.studies.search import finished_runs

        return finished_runs(study, StudyState.load(study.folder).trials)
    return [run for run in study.runs() if status(run) == FINISHED]


def expected_runs(study: Study) -> int:
    """How many runs the study has when it is complete; a pruned trial of an Optuna search is none."""
    if not study.adaptive:
        return len(study.runs())
    return sum(len(study.section.seeds) for one in StudyState.load(study.folder).trials if one.state != "pruned")
