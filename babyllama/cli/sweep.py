"""Make the runs of a study, and compare them.

babyllama sweep --config studies/architectures             all runs, one after another, then table and plots
babyllama sweep --config study.yaml --dry-run              runs, tokens, hours and memory first
babyllama sweep --config study.yaml --jobs 2               two at a time, each with half the cores (or a GPU of its own)
babyllama sweep --config study.yaml --results              the table of what is finished; nothing is trained

A study is a configuration with a `study:` section that names what is varied (docs/studies.md). The same command after an
interruption goes on: finished runs are kept, unfinished ones resume from their checkpoint, failed ones are tried again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from babyllama import console
from babyllama.cli.options import add_config_arguments
from babyllama.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The study and how much of the machine it may use."""
    add_config_arguments(parser)
    parser.add_argument(
        "-j", "--jobs", type=_jobs, metavar="N", help="runs at a time (default: one, or one for each GPU)"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be made, and stop")
    parser.add_argument("--results", action="store_true", help="show the results of what is finished, and stop")


def run(args: argparse.Namespace) -> int:
    """Make the runs, print the table and name the files; 2 when a run failed."""
    from babyllama.studies.design import read_study
    from babyllama.studies.scheduler import default_jobs

    named = [name for name in (args.config, args.configuration) if name]
    if len(named) != 1:
        raise ConfigError("name one study with --config, for example --config studies/architectures.")
    study = read_study(Path(named[0]), args.overrides, args.plugin)
    jobs = args.jobs or default_jobs()
    if args.dry_run:
        with console.progress("loading"):
            from babyllama.reporting.terminal import print_tables
            from babyllama.studies.forecast import forecast

            table, warnings = forecast(study, jobs)
        print_tables([table])
        for warning in warnings:
            console.warn(warning)
        return 0
    from babyllama.studies.report import make_report, show_report, write_report
    from babyllama.studies.sweep import expected_runs, finished_of, sweep

    finished = finished_of(study) if args.results else sweep(study, jobs)
    report = make_report(study, finished, expected_runs(study))
    show_report(report)
    for path in write_report(report):
        console.say(f"note: {path}")
    return 2 if report.failures and not args.results else 0


def _jobs(text: str) -> int:
    from babyllama.device import available_cores

    if not text.isdigit() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of runs: 1 to 1024")
    if int(text) > available_cores():
        raise argparse.ArgumentTypeError(
            f"{text} runs at a time on {available_cores()} cores would wait for one another"
        )
    return int(text)
