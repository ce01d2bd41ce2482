"""A report on runs as a file: HTML or Markdown, by its name; once, or again and again while a run trains."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from babyllama import console
from babyllama.artifacts import write_text
from babyllama.errors import RunError
from babyllama.reporting.html import GENERATOR, write_report
from babyllama.reporting.markdown import MARK, report_text
from babyllama.reporting.views.reading import Reading, read_runs
from babyllama.reporting.views.report import build_report

_HTML, _MARKDOWN = (".html", ".htm"), (".md", ".markdown")


def save_report(folders: Sequence[str | Path], output: Path, *, refresh: int | None = None) -> list[Reading]:
    """Write the report on the runs in `folders` as `output`; what was read.

    RunError for a folder that is no run, a name that is neither HTML nor Markdown, and a file there that no report is.
    """
    check_output(output)
    readings = read_runs(folders)
    report = build_report(readings)
    if output.suffix.lower() in _HTML:
        write_report(report, output, refresh=refresh)
    else:
        write_text(output, report_text(report))
    return readings


def watch_report(folders: Sequence[str | Path], output: Path, every: int) -> None:
    """Write the report every so many seconds as long as a process writes in one of the runs, and once more at the end."""
    while True:
        live = [one for one in read_runs(folders) if one.in_training]
        save_report(folders, output, refresh=every if live else None)
        if not live:
            return
        steps = (f"{one.label} at step {one.losses['step'][-1]:,.0f}" for one in live if "step" in one.losses)
        console.say(f"{time.strftime('%H:%M:%S')} {output}: {', '.join(steps) or 'no step yet'}")
        time.sleep(every)


def check_output(output: Path, endings: Sequence[str] = (*_HTML, *_MARKDOWN)) -> None:
    """RunError when a page cannot be written as `output`, or would replace something else."""
    if output.suffix.lower() not in endings:
        kinds = " or ".join(one for one in (".html", ".md") if one in endings)
        raise RunError(f"--output {output}: its name must end in {kinds}, which says what is written.")
    if output.is_dir():
        raise RunError(f"--output {output} is a folder; name a file in it, for example {output / 'report.html'}.")
    if output.exists():
        with output.open(encoding="utf-8", errors="replace") as handle:
            head = handle.read(4000)
        if GENERATOR not in head and MARK not in head:
            raise RunError(f"{output} is no report that was written here; name another file with --output.")
