"""Make a BabyLM submission of a run: the tree of results, the collated file, the form, and what the board will say.

babyllama evaluate models/my-run --suite babylm-2026 --revisions all            what it is made of
babyllama submit models/my-run --suite babylm-2026 --dry-run                    what there is, what is missing, what that costs
babyllama submit models/my-run --suite babylm-2026 --repo-id someone/my-model
babyllama submit models/my-run --check models/my-run/submission/babylm-2026     is a folder that was made still right?

Every prediction is checked against the evaluation data (number, ids, white space) before anything is written; the board's score is
computed here. Nothing is sent: `babyllama push --revisions` sends the models, the collated file goes into the board's form.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from babyllama import console
from babyllama.cli.arguments import repo_name
from babyllama.config.tables import SUITES
from babyllama.errors import ConfigError, EvaluationError
from babyllama.runs import Run

if TYPE_CHECKING:
    from babyllama.publishing.submission import Submission

BOARD = "https://huggingface.co/spaces/BabyLM-community/BabyLM-Leaderboard-2026"
LARGEST_STRICT_SMALL = 110_000_000
"""Words seen; strict-small allows 100 million, and the last epoch's words are not cut off exactly there."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, whose rules, and where the folder goes."""
    parser.add_argument("run", metavar="RUN", help="run folder, for example models/my-run")
    parser.add_argument(
        "--suite", default="babylm-2026", metavar="NAME", help=f"{', '.join(SUITES)} (default: babylm-2026)"
    )
    parser.add_argument("--data", metavar="DIR", help="folder of the evaluation data (default: data/evaluation)")
    parser.add_argument(
        "--repo-id",
        type=repo_name,
        metavar="OWNER/NAME",
        help="where the model is on the Hub (default: publish.repo_id)",
    )
    parser.add_argument(
        "--track",
        choices=("strict-small", "strict"),
        help="whose checkpoints are asked for (default: by the words seen)",
    )
    parser.add_argument(
        "--backend",
        choices=("auto", "causal", "mlm", "mntp"),
        default="auto",
        help="whose scores are handed in (default: auto)",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: submission/<suite> in the run folder")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="make the folder of what there is, however much is missing; needs no --repo-id",
    )
    parser.add_argument("--check", type=Path, metavar="FOLDER", help="check a folder that was made before, and stop")


def run(args: argparse.Namespace) -> int:
    """Gather, check, write, and say what is missing and what it costs."""
    from babyllama.publishing.submission import gather
    from babyllama.publishing.submission_folder import check_submission, write_submission

    found = Run(Path(args.run))
    if args.check is not None:
        problems = check_submission(args.check, args.data, found)
        if problems:
            raise EvaluationError(f"{args.check} cannot be handed in:\n  " + "\n  ".join(problems[:20]))
        print(f"{args.check}: right")
        return 0
    suite = SUITES.get(args.suite)
    repo_id = args.repo_id or found.config.publish.repo_id
    if repo_id is None and not args.dry_run:
        raise ConfigError("which model is it on the Hub? Name it with --repo-id OWNER/NAME; --dry-run goes without.")
    track = args.track or ("strict" if found.metrics.words_seen > LARGEST_STRICT_SMALL else "strict-small")
    with console.progress("reading the kept results"):
        made = gather(
            found, suite, args.data, track=track, backend=args.backend, name=repo_id or found.root.resolve().name
        )
    if suite.settings["year"] == 2025 and made.lacks and not args.dry_run:
        raise EvaluationError(
            "the board of 2025 takes no submission with missing parts:\n  " + "\n  ".join(_lacks(made))
        )
    target = args.output or found.root / "submission" / suite.name
    fields = write_submission(made, found, target, repo_id)
    problems = check_submission(target, args.data, found)
    if problems:
        raise EvaluationError(f"{target} cannot be handed in:\n  " + "\n  ".join(problems[:20]))
    _show(made, fields)
    console.say(f"note: written and checked: {target}")
    if not args.dry_run:
        console.say(
            f"note: hand in results/*/all_full_preds_and_fast_scores_{made.backend}.json with form.json at {BOARD}"
        )
    return 0


def _show(made: Submission, fields: dict[str, str]) -> None:
    """The board's columns, then what is missing and what only the author knows."""
    from babyllama.evaluation.results import Table
    from babyllama.publishing.submission import GROUPS
    from babyllama.reporting.terminal import print_tables

    columns, rows = made.suite.columns, []
    for column in columns:
        score, local = made.scores.get(column.name), made.local.get(column.name)
        cost = "" if score is not None or local is None else f"{local / len(columns):.2f}"
        rows.append(
            (
                column.title,
                "0 (missing)" if score is None else f"{score:.2f}",
                "" if local is None else f"{local:.2f}",
                cost,
            )
        )
    for group in GROUPS:
        rows.append((group, f"{made.average(group):.2f}", "", ""))
    title = f"{made.name} on the board of {made.suite.title}, track {made.track}, backend {made.backend}"
    headings = ("the board shows", "scored here", "costs Overall")
    print_tables([Table(title, headings, rows, frozenset(range(len(columns), len(rows))))])
    for line in _lacks(made):
        console.say(f"missing: {line}")
    if made.unchecked:
        console.say(
            f"not checked, their data are not here: {', '.join(made.unchecked[:8])}{' ...' if made.unchecked[8:] else ''}"
        )
    if len(made.evaluators) > 1:
        console.warn(f"the results were made by several versions of BabyLlama: {', '.join(sorted(made.evaluators))}")
    if made.suite.settings["year"] == 2026 and "ewok" in made.local:
        console.say(
            "note: no pipeline of 2026 that could be read says which text is predicted for EWoK, both of whose options are Target1; here "
            "it is the context and Target1. Compare with the pipeline before you hand it in"
        )
    empty = [name for name, value in fields.items() if not value]
    if empty:
        console.say(f"for you to fill in (form.json): {', '.join(empty)}")


def _lacks(made: Submission) -> list[str]:
    """One line for each reason of the same kind, checkpoints taken together."""
    together: dict[tuple[str, str], list[str]] = {}
    for one in made.lacks:
        together.setdefault((one.what, one.why), []).append(one.revision)
    return [
        f"{what}, {revisions[0] if len(revisions) == 1 else f'{len(revisions)} revisions, {revisions[0]} to {revisions[-1]}'}: {why}"
        for (what, why), revisions in together.items()
    ]
