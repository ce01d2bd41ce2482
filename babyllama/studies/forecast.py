"""What a study will cost before it starts: runs, tokens, hours, memory."""

from __future__ import annotations

from dataclasses import dataclass

from babyllama.device import available_cores
from babyllama.evaluation.results import Table
from babyllama.plan import Plan, plan
from babyllama.studies.design import Study, StudyRun
from babyllama.studies.state import FINISHED, status
from babyllama.text import duration, file_size, short_count

TRIED = 24
"""Points that are timed; a second each, and a study of more is told by these."""


@dataclass(frozen=True)
class Forecast:
    """One run before it is made."""

    run: StudyRun
    status: str
    plan: Plan
    tokens: int | None
    """Tokens it will see."""
    seconds: float | None
    """Of training; evaluations come on top."""


def forecast(study: Study, jobs: int) -> tuple[Table, list[str]]:
    """(the table of the runs, their warnings) of the study on this machine."""
    runs = planned(study)
    plans: dict[str, Plan] = {}
    for run in runs:
        # Seeds differ in nothing that is counted here.
        if run.point.label not in plans:
            one_for_all = {"tokenizer": study.base.tokenizer} if study.section.one_tokenizer else {}
            threads = run.config.training.threads or max(1, available_cores() // jobs)
            training = run.config.training.model_copy(update={"threads": threads})
            config = run.config.model_copy(update={**one_for_all, "training": training})
            plans[run.point.label] = plan(config, timed=len(plans) < TRIED)
    found = []
    for run in runs:
        one = plans[run.point.label]
        found.append(Forecast(run, status(run), one, one.tokens_seen, one.seconds))
    rest = [one for one in found if one.status != FINISHED]
    total = sum(one.seconds or 0.0 for one in rest)
    unknown = sum(one.seconds is None for one in rest)
    memory = sorted((one.plan.memory or 0 for one in rest), reverse=True)[:jobs]
    rows = [
        [
            one.run.name,
            one.status,
            short_count(one.plan.parameters["total"]),
            "?" if one.tokens is None else short_count(one.tokens),
            "?" if one.plan.steps is None else f"{one.plan.steps:,}",
            "-" if one.status == FINISHED else "?" if one.seconds is None else duration(one.seconds),
            "?" if one.plan.memory is None else file_size(one.plan.memory),
        ]
        for one in found
    ]
    below = [
        f"{len(found)} runs, {len(found) - len(rest)} finished; {short_count(sum(one.tokens or 0 for one in rest))} tokens to train on",
        f"about {duration(total / jobs)} with {jobs} at a time (each tried for a second), evaluations and start-up not counted",
        f"memory about {file_size(sum(memory))} with {jobs} at a time",
    ]
    if unknown:
        below[1] += f"; {unknown} runs are of unknown length"
    if study.section.max_hours:
        below.append(f"budget: no run starts after {study.section.max_hours:g} hours")
    title = f"{study.section.name}: {len(plans)} points x {len(study.section.seeds)} seeds in {study.folder}"
    warnings = list(dict.fromkeys(text for one in plans.values() for text in one.warnings))
    columns = ("state", "parameters", "tokens", "steps", "time", "memory")
    return Table(title, columns, rows, below=below), warnings


def planned(study: Study) -> list[StudyRun]:
    """The runs of the study; of an Optuna search, which is not known beforehand, as many random ones."""
    if not study.adaptive:
        return study.runs()
    points = [study.drawn_point(number) for number in range(study.section.trials)]
    runs = [run for point in points for run in study.runs_of(point)]
    return runs[: study.section.max_runs]
