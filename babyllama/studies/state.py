"""study.json: what a study knows beside what its runs' own folders say: failures, trials, time spent."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from babyllama.artifacts import Lock, read_sealed, write_sealed
from babyllama.config import Config
from babyllama.errors import BabyLlamaError, DamagedFileError, RunError
from babyllama.runs import Run, run_of
from babyllama.runs.run import differences
from babyllama.studies.design import StudyRun

NEW, UNFINISHED, FINISHED = "new", "unfinished", "finished"
"""What a run can be before the study goes on."""


@dataclass
class Trial:
    """One point of an Optuna search."""

    number: int
    levels: dict[str, Any]
    state: str = "open"
    """open, done, pruned or failed."""
    value: float | None = None
    """Mean held-out loss over the seeds; of a pruned trial the last one reported."""
    reports: dict[str, float] = field(default_factory=dict)
    """Step -> held-out loss of the first seed."""


@dataclass
class StudyState:
    """What study.json holds."""

    folder: Path
    failures: dict[str, str] = field(default_factory=dict)
    """Run -> why it ended early, in one line."""
    trials: list[Trial] = field(default_factory=list)

    @classmethod
    def load(cls, folder: Path) -> StudyState:
        """What was kept in `folder`, if anything."""
        path = folder / "study.json"
        try:
            value = read_sealed(path)
            return cls(folder, dict(value["failures"]), [Trial(**one) for one in value["trials"]])
        except FileNotFoundError:
            return cls(folder)
        except (KeyError, TypeError) as error:
            raise DamagedFileError(
                f"{path} is damaged: {error}. Remove it: finished runs are kept, trials are not."
            ) from error

    def save(self) -> None:
        """Write study.json."""
        trials = [asdict(one) for one in self.trials]
        write_sealed(self.folder / "study.json", {"failures": self.failures, "trials": trials})


def status(run: StudyRun) -> str:
    """Is its folder new, unfinished or finished?"""
    made = run_of(run.config)
    return NEW if not made.paths.is_run else FINISHED if _evaluated(made, run.config) else UNFINISHED


def _evaluated(made: Run, config: Config) -> bool:
    """Has training ended, and does every result that the configuration asks for lie there?"""
    # A task may give its result a name of its own (a set of minimal pairs), so their number is what can be counted.
    results = len(list(made.paths.evaluation.glob("*.json"))) if made.paths.evaluation.is_dir() else 0
    return made.finished and made.paths.card.is_file() and results >= len(config.evaluation.tasks)


def refuse_changed(runs: list[StudyRun]) -> None:
    """Raise RunError, naming what differs, when a run that is there was made with other settings than the study has now."""
    changed = []
    for run in runs:
        made = run_of(run.config)
        if made.paths.is_run:
            try:
                found = differences(made.config, run.config)
            except BabyLlamaError as error:
                found = [str(error)]
            changed += [f"{run.name}: {one}" for one in found]
    if changed:
        shown = changed[:10] + ([f"and {len(changed) - 10} more"] if len(changed) > 10 else [])
        raise RunError(
            "the study changed since its runs were made, and results of both would stand in one table. Give it another "
            f"study.name, take the change back, or remove these runs from {run_of(runs[0].config).root.parent}:\n  "
            + "\n  ".join(shown)
        )


@contextlib.contextmanager
def sole_sweep(folder: Path) -> Iterator[None]:
    """Let one process at a time run the study in `folder`; RunError for a second one."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(folder / ".lock")
    if not lock.acquire(wait=False):
        raise RunError(
            f"{folder}: another process runs this study. Wait until it has ended, or stop it; finished runs are kept."
        )
    try:
        yield
    finally:
        lock.release(remove=True)
