"""Weights & Biases, trackio and TensorBoard behind one interface; none of them ever stops a run.

What goes wrong with a tracker (no login, no network, a full disk at its place) is said once, and the run goes on without it:
losses.csv and the run folder hold everything anyway.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from babyllama import console
from babyllama.config import Config
from babyllama.evaluation.results import Table
from babyllama.runs import Decisions, RunPaths
from babyllama.settings.trackers import tracker_names
from babyllama.training.trackers.base import About, Tracker

__all__ = ["Trackers", "tracking"]

_KINDS = {
    "wandb": "babyllama.training.trackers.wandb_tracker:WandbTracker",
    "trackio": "babyllama.training.trackers.trackio_tracker:TrackioTracker",
    "tensorboard": "babyllama.training.trackers.tensorboard_tracker:TensorBoardTracker",
}


class Trackers:
    """All trackers of a run; one that fails is left out from then on."""

    def __init__(self, trackers: Mapping[str, Tracker] | None = None) -> None:
        self._trackers = dict(trackers or {})

    @property
    def names(self) -> list[str]:
        """Those that still listen."""
        return list(self._trackers)

    def start(self, about: About) -> None:
        """Begin, or go on with, the run that `about` describes."""
        self._each(lambda tracker: tracker.start(about))

    def log(self, logs: Mapping[str, Any], step: int) -> None:
        """Tell of one step: what begins with `eval_` under `eval/`, everything else under `train/`."""
        values = {_name(key): float(value) for key, value in logs.items() if isinstance(value, int | float)}
        self._each(lambda tracker: tracker.log({**values, "train/global_step": step}, step))

    def scores(self, numbers: Mapping[str, float], tables: Sequence[Table], step: int) -> None:
        """Tell what came out in the end."""
        self._each(lambda tracker: tracker.scores(numbers, tables, step))

    def finish(self) -> None:
        """Write out what trackers still hold; without it an offline recording is complete only when the process ends."""
        self._each(lambda tracker: tracker.finish())
        self._trackers = {}

    def _each(self, action: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._trackers.items()):
            try:
                action(tracker)
            except Exception as error:  # whatever it is, it is not worth a run
                reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
                console.warn(f"{name}: {reason.strip()}; the run goes on without it (losses.csv has everything)")
                del self._trackers[name]


def prepare_trackers(config: Config, decisions: Decisions) -> Trackers:
    """The trackers that `config` asks for, not started; ConfigError names a package that is missing.

    The run id is decided once, so that a resumed run goes on in the same curve.
    """
    names = tracker_names(config)
    if names:
        decisions.tracker_id = decisions.tracker_id or secrets.token_hex(4)
    found = {}
    for name in names:
        module, kind = _KINDS[name].split(":")
        found[name] = getattr(import_module(module), kind)()
    return Trackers(found)


@contextlib.contextmanager
def tracking(config: Config, paths: RunPaths, decisions: Decisions) -> Iterator[Trackers]:
    """The trackers of a run, started, and finished when the block ends."""
    trackers = prepare_trackers(config, decisions)
    trackers.start(about(config, paths, decisions))
    try:
        yield trackers
    finally:
        trackers.finish()


def about(config: Config, paths: RunPaths, decisions: Decisions) -> About:
    """What trackers are told of a run."""
    return About(
        name=config.model.name,
        project=config.logging.project,
        tags=tuple(dict.fromkeys(["babyllama", config.model.architecture_name, *config.logging.tags])),
        config=config.model_dump(mode="json"),
        folder=paths.root,
        run_id=decisions.tracker_id or "",
    )


def _name(key: str) -> str:
    return f"eval/{key.removeprefix('eval_')}" if key.startswith("eval_") else f"train/{key}"
