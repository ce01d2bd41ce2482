"""A report on one or several runs: one HTML file that needs nothing else (or Markdown, or tables here), or their plots.

babyllama report models/a models/b --output report.html    curves, scores, differences, samples, corpus, environment
babyllama report models/a --output report.html --watch     the same, written anew every minute while the run trains
babyllama report models/a --tables                         the same as text on this terminal
babyllama report models/a                                  draws the run's plots again
"""

from __future__ import annotations

import argparse
from pathlib import Path

from babyllama.cli.arguments import seconds
from babyllama.errors import RunError
from babyllama.runs import RunPaths, read_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run folders, and what becomes of them."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folder, for example models/Llama-10M")
    parser.add_argument("--output", metavar="FILE", help="write the report as this .html or .md file")
    parser.add_argument("--tables", action="store_true", help="print the report as text")
    parser.add_argument(
        "--watch", action="store_true", help="write --output again and again until no process writes in the runs"
    )
    parser.add_argument(
        "--every", type=seconds, default=60, metavar="SECONDS", help="pause of --watch; default: %(default)s"
    )


def run(args: argparse.Namespace) -> int:
    """Write the report and name its file; without --output or --tables, draw the plots and name them."""
    if args.watch and args.output is None:
        raise RunError("--watch needs --output FILE.html, which it writes again and again.")
    if args.output is not None:
        from babyllama.reporting.report_file import save_report, watch_report

        output = Path(args.output)
        if args.watch:
            watch_report(args.runs, output, args.every)
        else:
            save_report(args.runs, output)
        print(output)
    if args.tables:
        from babyllama.reporting.terminal import print_report
        from babyllama.reporting.views.reading import read_runs
        from babyllama.reporting.views.report import build_report

        print_report(build_report(read_runs(args.runs)))
    if args.output is None and not args.tables:
        from babyllama.reporting import draw_plots

        for folder in args.runs:
            for file in draw_plots(read_run(RunPaths(Path(folder)))):
                print(file)
    return 0
