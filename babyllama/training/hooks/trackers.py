"""Weights & Biases, trackio and TensorBoard, through the Trainer's `report_to`."""

from __future__ import annotations

import netrc
import os
import secrets
import socket

from babyllama import console
from babyllama.config import Config
from babyllama.runs import Decisions, RunPaths
from babyllama.settings.trackers import tracker_names

_WANDB_HOST = "api.wandb.ai"


def prepare_trackers(config: Config, paths: RunPaths, decisions: Decisions) -> list[str]:
    """Names for `report_to`; sets what wandb reads from the environment, where the user has not.

    Without a login or without network wandb records offline, and a line says so. The run id is decided once, so that a
    resumed run goes on in the same curve. ConfigError names the package that is missing.
    """
    names = tracker_names(config)
    if "wandb" in names:
        decisions.tracker_id = decisions.tracker_id or secrets.token_hex(4)
        _prepare_wandb(config, paths, decisions.tracker_id)
    if "tensorboard" in names:
        os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(paths.root / "tensorboard"))
    return names


def finish_trackers(names: list[str]) -> None:
    """Write out what trackers still hold; without it an offline recording is complete only when the process ends."""
    if "wandb" in names:
        import wandb

        if wandb.run is not None:
            wandb.finish()
    if "trackio" in names:
        import trackio  # type: ignore[import-not-found]

        trackio.finish()


def _prepare_wandb(config: Config, paths: RunPaths, run_id: str) -> None:
    environment = os.environ
    environment.setdefault("WANDB_PROJECT", config.logging.project)
    environment.setdefault("WANDB_SILENT", "true")
    environment.setdefault("WANDB_DIR", str(paths.root))
    environment["WANDB_RUN_ID"] = run_id
    environment["WANDB_RESUME"] = "allow"
    if "WANDB_MODE" not in environment:
        reason = _offline_reason()
        if reason is not None:
            environment["WANDB_MODE"] = "offline"
            console.say(
                f"wandb: {reason}, recording offline; `wandb sync {environment['WANDB_DIR']}/wandb/offline-*` uploads it"
            )
    elif environment["WANDB_MODE"] == "offline":
        console.say(f"wandb: WANDB_MODE=offline, recording in {environment['WANDB_DIR']}/wandb")


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
