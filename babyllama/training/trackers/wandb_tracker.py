"""Weights & Biases. Without a login or without network it records offline, into the run folder, and a line says so."""

from __future__ import annotations

import netrc
import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from babyllama import console
from babyllama.evaluation.results import Table
from babyllama.training.trackers.base import About, Tracker

_WANDB_HOST = "api.wandb.ai"


class WandbTracker(Tracker):
    """One wandb run; what the user has set for wandb in the environment stays."""

    _run: Any = None

    def start(self, about: About) -> None:
        """Under the same id whenever the run goes on."""
        import wandb

        options = settings_of(about)
        _wait_for_a_name(Path(options["dir"]) / "wandb", about.run_id)
        try:
            self._run = wandb.init(**options)
        except Exception as error:
            if options["mode"] == "offline":
                raise
            console.warn(f"wandb: {str(error).splitlines()[0]}; recording offline")
            self._run = wandb.init(**{**options, "mode": "offline"})
        self._run.define_metric("train/global_step")
        self._run.define_metric("*", step_metric="train/global_step", step_sync=True)

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Under the names that the Trainer gives curves."""
        self._run.log(dict(values))

    def scores(self, numbers: Mapping[str, float], tables: Sequence[Table], step: int) -> None:
        """Numbers into the summary, tables beside them."""
        import wandb

        self._run.summary.update({f"scores/{name}": value for name, value in numbers.items()})
        for table in tables:
            rows = [list(row) for row in table.rows]
            self._run.log({f"tables/{table.title}": wandb.Table(columns=["", *table.columns], data=rows)})

    def finish(self) -> None:
        """End the run's session."""
        if self._run is not None:
            self._run.finish()


def _wait_for_a_name(folder: Path, run_id: str) -> None:
    """wandb names a recording by the second it begins in, and would write over one of the same run and second."""
    while any(folder.glob(f"*run-{time.strftime('%Y%m%d_%H%M%S')}-{run_id}")):
        time.sleep(0.05)


def settings_of(about: About) -> dict[str, Any]:
    """Arguments of `wandb.init`; each that a WANDB_ variable sets is left to that variable."""
    import wandb

    given = os.environ
    folder = given.get("WANDB_DIR") or str(about.folder)
    mode = given.get("WANDB_MODE")
    if mode is None:
        reason = _offline_reason()
        mode = "online" if reason is None else "offline"
        if reason is not None:
            console.say(f"wandb: {reason}, recording offline; `wandb sync {folder}/wandb/offline-*` uploads it")
    elif mode == "offline":
        console.say(f"wandb: WANDB_MODE=offline, recording in {folder}/wandb")
    return {
        "project": given.get("WANDB_PROJECT") or about.project,
        "name": given.get("WANDB_NAME") or about.name,
        "tags": given["WANDB_TAGS"].split(",") if given.get("WANDB_TAGS") else list(about.tags),
        "config": about.config,
        "id": about.run_id,
        "resume": "allow",
        "dir": folder,
        "mode": mode,
        "settings": wandb.Settings(silent=True),
    }


def _offline_reason() -> str | None:
    if not _logged_in():
        return "no login"
    try:
        socket.create_connection((_WANDB_HOST, 443), timeout=3).close()
    except OSError:
        return "no network"
    return None


def _logged_in() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(_WANDB_HOST) is not None
    except (OSError, netrc.NetrcParseError):
        return False
