"""A run folder as a thing one can ask: is it there, is it finished, does it belong to this configuration?"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babyllama.artifacts import MANIFEST_NAME, Manifest
from babyllama.config import Config
from babyllama.errors import BabyLlamaError, ConfigError, RunError
from babyllama.runs.metrics import TrainingMetrics
from babyllama.runs.paths import RunPaths
from babyllama.runs.record import RunRecord
from babyllama.settings import load_config

NOT_PART_OF_A_RUN = (
    "evaluation.",
    "logging.",
    "study",
    "publish.",
    "plugins",
    "model.name",
    "data.packed_dir",
    "training.save_total_limit",
    "training.threads",
)
"""Keys that may differ between a run and its configuration: they change what is reported and kept, not what is learned."""


@dataclass(frozen=True)
class Run(os.PathLike[str]):
    """A handle of a run; everything that takes a model's path takes it."""

    root: Path

    @property
    def paths(self) -> RunPaths:
        """The names inside the run folder."""
        return RunPaths(self.root)

    @property
    def record(self) -> RunRecord:
        """run.json."""
        return RunRecord.load(self.paths)

    @property
    def config(self) -> Config:
        """The resolved configuration the run was made with; `DamagedFileError` when its file has changed since."""
        if self.paths.record.exists():
            self.record.check_file(self.paths.config, self.root)
        return load_config(self.paths.config)

    @property
    def metrics(self) -> TrainingMetrics:
        """training_metrics.json."""
        return TrainingMetrics.load(self.paths)

    @property
    def finished(self) -> bool:
        """Has training ended, and does its model lie in final/?"""
        return self.paths.metrics.is_file() and (self.paths.final / "config.json").is_file()

    def resolve(self, path: str) -> str:
        """A path of the run's configuration as it was meant when it was trained, wherever we are now."""
        return self.record.resolve(self.root, path) if self.paths.record.exists() else path

    def final_damage(self) -> str | None:
        """What is wrong with the finished model, in words; None when it is whole."""
        manifest = Manifest.read(self.paths.final)
        if manifest is None:
            return f"{self.paths.final.name}/ has no readable {MANIFEST_NAME}"
        problem = manifest.damage(self.paths.final)
        return f"{self.paths.final.name}/: {problem}" if problem else None

    def __fspath__(self) -> str:
        return str(self.root)

    def __str__(self) -> str:
        return str(self.root)


def run_of(config: Config) -> Run:
    """The run that `config` makes or has made; ConfigError for a study, which makes many."""
    if config.study is not None:
        raise ConfigError("this configuration is a study (it has a `study:` section): babyllama sweep makes its runs.")
    return Run(Path(config.logging.output_dir) / config.model.name)


def learned_settings(config: Config) -> dict[str, Any]:
    """Every key of `config` in which two runs would learn differently, flat: `training.lr` -> 3e-4."""
    values = _flat(config.model_dump(mode="json"))
    return {key: value for key, value in values.items() if not key.startswith(NOT_PART_OF_A_RUN)}


def differences(old: Config, new: Config) -> list[str]:
    """`key: old -> new` for every key in which two runs would learn differently."""
    return setting_differences(learned_settings(old), learned_settings(new))


def setting_differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """`key: old -> new` for every key that two flat tables of settings do not share."""
    return [
        f"{key}: {before.get(key)!r} -> {after.get(key)!r}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]


def check_folder(run: Run, config: Config, *, resume: bool, overwrite: bool, force: bool) -> None:
    """Raise RunError when training `config` would lose what lies in the folder of `run`.

    A finished run of the same configuration passes: the caller reuses it. Only a run is ever overwritten.
    """
    if resume and overwrite:
        raise RunError("--resume_from_checkpoint goes on with a run and --overwrite removes it: give one of the two.")
    if not run.root.exists():
        return
    if not run.paths.is_run:
        if any(entry != run.paths.lock for entry in run.root.iterdir()):
            raise RunError(f"{run.root} holds files that are not a run; choose another model.name or move them away.")
        return
    if overwrite:
        return
    changed = []
    try:
        changed = differences(run.config, config)
    except BabyLlamaError as error:
        if not (resume and force):
            raise RunError(f"{error} (--overwrite replaces the run by a new one.)") from error
    if changed and not (resume and force):
        ways = "--overwrite replaces it, model.name=... starts another one"
        ways += ", --force resumes it all the same" if resume else ""
        raise RunError(
            f"{run.root} holds a run of another configuration; {ways}. It differs in:\n  " + "\n  ".join(changed)
        )
    if not run.finished and not resume:
        raise RunError(
            f"{run.root} holds an unfinished run of this configuration: --resume_from_checkpoint goes on with it, "
            "--overwrite starts anew."
        )


def is_finished_with(run: Run, config: Config) -> bool:
    """Has `run` ended, and was it made with `config`?"""
    return run.finished and not differences(run.config, config)


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        return {name: leaf for key, below in value.items() for name, leaf in _flat(below, f"{prefix}{key}.").items()}
    return {prefix.rstrip("."): value}
