"""The report on one or several runs, as data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from babyllama import __version__
from babyllama.reporting.views.base import Report, Section
from babyllama.reporting.views.curves import curves_section
from babyllama.reporting.views.learning import learning_section
from babyllama.reporting.views.material import corpus_section, environment_section
from babyllama.reporting.views.overview import differences_section, summary_section
from babyllama.reporting.views.reading import Reading
from babyllama.reporting.views.scores import samples_section, scores_section
from babyllama.text import listed


def build_report(readings: Sequence[Reading]) -> Report:
    """All that is known of the runs in `readings`, which `read_runs` gave."""
    labels = [one.label for one in readings]
    title = labels[0] if len(labels) == 1 else listed(labels)
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    count = "Report on a training run" if len(labels) == 1 else f"Comparison of {len(labels)} training runs"
    sections: list[Section] = [summary_section(readings)]
    if len(readings) > 1:
        sections.append(differences_section(readings))
    sections += [
        curves_section(readings),
        scores_section(readings),
        learning_section(readings),
        samples_section(readings),
        corpus_section(readings),
        environment_section(readings),
    ]
    problems = [problem for one in readings for problem in one.problems]
    return Report(title, f"{count} · BabyLlama {__version__} · {written}", labels, sections, problems)
