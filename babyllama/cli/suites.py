"""`evaluate --suite`: a leaderboard's tasks by one name. Arguments and the way through them; docs/babylm-suite.md tells more."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama.artifacts import write_json
from babyllama.config.tables import SUITES
from babyllama.console import json_text
from babyllama.errors import EvaluationError

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel
    from babyllama.evaluation.suites.runner import SuiteReport
    from babyllama.runs import ModelPlace

BACKENDS = ("auto", "causal", "mlm", "mntp")


def add_suite_arguments(parser: argparse.ArgumentParser) -> None:
    """`--suite` and what goes with it."""
    parser.add_argument(
        "--suite", metavar="NAME", help=f"all tasks of a leaderboard: {', '.join(SUITES)}; --tasks picks some of them"
    )
    parser.add_argument(
        "--fast", action="store_true", help="the suite's fast files; where there are none nothing is drawn instead"
    )
    parser.add_argument(
        "--backend",
        choices=BACKENDS,
        help="minimal pairs and suites: how a probability is read (default: mlm for masked models, else causal)",
    )
    parser.add_argument(
        "--revisions",
        metavar="LIST",
        help="suite: all, or names like chck_1M,chck_10M,main: checkpoints of a run on the fast set, main on the full one",
    )


def check_suite_arguments(args: argparse.Namespace) -> None:
    """EvaluationError for flags of a suite without --suite, or that contradict each other."""
    if args.suite is not None:
        if args.ensemble:
            raise EvaluationError(
                "--suite scores models that can be submitted, and an ensemble is none: leave one away."
            )
        year = SUITES.get(args.suite).settings.get("year")
        if args.year not in (None, year):
            raise EvaluationError(
                f"--year {args.year}: the suite {args.suite} has the rules of {year}; leave one of the two away."
            )
        if args.fast and args.revisions is not None:
            raise EvaluationError(
                "--revisions scores checkpoints on the fast set and main on the full one: leave --fast away."
            )
        return
    for flag in ("fast", "revisions"):
        if getattr(args, flag):
            raise EvaluationError(f"--{flag} belongs to a suite: name one with --suite ({', '.join(SUITES)}).")


def run_suites(
    args: argparse.Namespace,
    places: Sequence[ModelPlace],
    names: Sequence[str] | None,
    options: dict[str, Any],
    load: Callable[[ModelPlace], LoadedModel],
    refresh: Callable[[ModelPlace], None],
) -> int:
    """Score the columns `names` of the suite on each model, print tables or JSON, refresh the reports of runs.

    `options` are settings of the tasks; each gets those that it has.
    """
    from babyllama.evaluation.suites.runner import run_revisions, run_suite
    from babyllama.evaluation.suites.table import report_tables, side_by_side
    from babyllama.reporting.terminal import print_tables

    suite = SUITES.get(args.suite)
    suite.picked(names, fast=args.fast)  # a mistyped task is told before anything is loaded
    reports: list[SuiteReport] = []
    for place in places:
        if args.revisions is not None:
            wanted = [name.strip() for name in args.revisions.split(",") if name.strip()]
            found = run_revisions(place, load, suite, options, wanted, names=names, again=args.overwrite)
        else:
            loading = lambda at=place: load(at)  # noqa: E731
            found = [run_suite(place, loading, suite, options, names=names, fast=args.fast, again=args.overwrite)]
        reports += found
        if not args.json:
            for report in found:
                if report.words_seen is None or args.revisions is None or report is found[-1]:
                    print_tables(report_tables(report))
        if place.run is not None:
            refresh(place)
    value: Any = [report.to_json() for report in reports]
    value = value[0] if len(value) == 1 else {"suite": suite.name, "models": value}
    if args.output_path:
        write_json(Path(args.output_path), value)
    if args.json:
        print(json_text(value, indent=2))
    else:
        print_tables(side_by_side(reports))
    if all(cell.score is None for report in reports for cell in report.cells):
        reasons = "\n  ".join(f"{cell.column.title}: {cell.missing}" for cell in reports[0].cells)
        raise EvaluationError(f"nothing of {suite.name} could be scored:\n  {reasons}")
    return 0
