"""trackio: on this machine, in `TRACKIO_DIR`, unless `TRACKIO_SPACE_ID` or `TRACKIO_SERVER_URL` names a place elsewhere."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

from babyllama import console
from babyllama.evaluation.results import Table
from babyllama.training.trackers.base import About, Tracker


class TrackioTracker(Tracker):
    """One trackio run; it knows runs by their name."""

    _run: Any = None

    def start(self, about: About) -> None:
        """Tags are part of the configuration, since trackio has none."""
        import trackio

        config = {**_flat(about.config), "tags": ", ".join(about.tags)}
        with _results_only():
            self._run = trackio.init(
                project=about.project, name=about.name, config=config, resume="allow", embed=False, auto_log_cpu=False
            )
        console.say(f'trackio: `trackio show --project "{about.project}"` opens its page')

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Under the names that the Trainer gives curves."""
        self._run.log(dict(values), step=step)

    def scores(self, numbers: Mapping[str, float], tables: Sequence[Table], step: int) -> None:
        """As points of the last step."""
        import trackio

        found: dict[str, Any] = {f"scores/{name}": value for name, value in numbers.items()}
        for table in tables:
            rows = [list(row) for row in table.rows]
            found[f"tables/{table.title}"] = trackio.Table(columns=["name", *table.columns], data=rows)
        if found:
            self._run.log(found, step=step)

    def finish(self) -> None:
        """Write what waits."""
        if self._run is not None:
            import trackio

            with _results_only():
                trackio.finish()


def _results_only() -> contextlib.AbstractContextManager[Any]:
    """Standard output is for results; trackio prints notes there."""
    return contextlib.redirect_stdout(io.StringIO())


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found
