"""Score models: minimal pairs (BLiMP), perplexity, generation.

evaluate.py models/Llama-10M/                              perplexity on its held-out text and minimal pairs
evaluate.py MODEL --tasks blimp --pairs-per-paradigm 30    about 2,000 pairs of BLiMP, drawn with a seed
evaluate.py MODEL1 MODEL2                                  one table, differences tested
evaluate.py MODEL --json                                   the results as one JSON object on stdout

Under every protocol a sentence longer than the model's context is read in overlapping windows, and a note counts them.
babylm-2026 follows babylm-org/babylm-eval as of July 2026; docs/evaluation.md has the table of protocols.

MODEL is a run folder, a model folder, a checkpoint or a Hub name. Results of a run are kept in its evaluation/ folder,
and its plots and card are drawn again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from babyllama.cli.arguments import seed
from babyllama.console import json_text

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel
    from babyllama.runs import RunPaths

PROTOCOL_NAMES = ("lm-eval", "babylm-2024", "babylm-2025", "babylm-2026", "minicons")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Models, what to evaluate, and how."""
    parser.add_argument("models", nargs="+", metavar="MODEL", help="run folder, model folder, checkpoint or Hub name")
    parser.add_argument(
        "--tasks", metavar="LIST", help="comma-separated: perplexity, blimp, generation (default: perplexity,blimp)"
    )
    parser.add_argument(
        "--blimp-data",
        metavar="DIR",
        help="folder or file of minimal pairs in BLiMP's format, or nyu-mll/blimp (default: data/blimp, else data/blimp_synthetic)",
    )
    parser.add_argument("--eval-text", metavar="PATH", help="text for perplexity (default: the run's data.eval_path)")
    parser.add_argument(
        "--protocol", default="lm-eval", metavar="NAME", help=f"{', '.join(PROTOCOL_NAMES)} (default: lm-eval)"
    )
    parser.add_argument(
        "--masked-metric",
        default="original",
        choices=("original", "within_word_l2r"),
        help="masked models: mask each token alone, or with the rest of its word (default: original)",
    )
    parser.add_argument("--pairs-per-paradigm", type=int, metavar="N", help="score a seeded subset of each paradigm")
    parser.add_argument("--seed", type=seed, default=42, help="draws subsets, ties and samples (default: 42)")
    parser.add_argument(
        "--stride", type=int, metavar="N", help="perplexity of long documents: tokens a window moves on"
    )
    parser.add_argument(
        "--plots",
        metavar="DIR",
        help="draw the comparison there (default: plots/ of the run the first model belongs to)",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON on stdout, nothing else there")
    add_model_arguments(parser)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """How a model is loaded; shared by every command that takes one."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    parser.add_argument(
        "--dtype",
        default="auto",
        choices=("auto", "fp32", "bf16"),
        help="auto: bf16 with near ties again in fp32 where the hardware computes bf16, else fp32",
    )
    parser.add_argument(
        "--allow-pickle", action="store_true", help="read weights stored as pickles, which can run code"
    )
    parser.add_argument("--trust-remote-code", action="store_true", help="run model code that comes with the model")


def load(args: argparse.Namespace, path: str) -> LoadedModel:
    """The model at `path`, as `add_model_arguments` says; `--dtype auto` holds it in fp32."""
    from babyllama.evaluation.models import load_model

    return load_model(
        path,
        args.device,
        "bf16" if args.dtype == "bf16" else "fp32",
        allow_pickle=args.allow_pickle,
        trust_remote_code=args.trust_remote_code,
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate each model, print tables or JSON, and refresh the reports of runs."""
    from babyllama.device import set_threads
    from babyllama.evaluation.comparison import compare
    from babyllama.evaluation.protocols import get_protocol
    from babyllama.evaluation.runner import check_tasks, run_evaluations
    from babyllama.runs.locate import locate_model

    set_threads()
    say = (lambda line: None) if args.quiet else (lambda line: print(f"note: {line}", file=sys.stderr, flush=True))
    tasks = [task.strip() for task in args.tasks.split(",") if task.strip()] if args.tasks is not None else None
    check_tasks(tasks)
    get_protocol(args.protocol)
    for path in args.models:
        locate_model(path)  # a mistyped name is told before the models ahead of it are scored
    reports: list[dict[str, Any]] = []
    kept: list[dict[str, Any]] = []
    runs: list[RunPaths | None] = []
    for path in args.models:
        loaded = load(args, path)
        found: dict[str, Any] = {}
        with ProgressBars(quiet=args.quiet) as new_progress:
            report = run_evaluations(
                loaded,
                tasks,
                blimp_data=args.blimp_data,
                eval_text=args.eval_text,
                protocol=args.protocol,
                pairs_per_paradigm=args.pairs_per_paradigm,
                seed=args.seed,
                dtype=args.dtype,
                masked_metric=args.masked_metric,
                stride=args.stride,
                note=say,
                progress=new_progress,
                keep=found.__setitem__,
            )
        reports.append(report)
        kept.append(found)
        if not args.json:
            show(report, alone=len(args.models) == 1)
        if loaded.run is not None:
            refresh(loaded, say)
        runs.append(loaded.run)
    comparison = compare([report["model"] for report in reports], kept) if len(kept) > 1 else {}
    if args.json:
        value: Any = reports[0] if len(reports) == 1 else {"models": reports, "comparison": comparison}
        print(json_text(value, indent=2))
    elif comparison:
        show_comparison(comparison)
    draw(comparison, runs, args.plots, say)
    if not any(report["results"] for report in reports):
        say("nothing was evaluated: no text for perplexity and no minimal pairs were found")
    return 0


def refresh(loaded: LoadedModel, say: Callable[[str], None]) -> None:
    """Draw the plots and write the card of the model's run again; the results are kept whether that works or not."""
    from babyllama.errors import BabyLlamaError
    from babyllama.evaluation.runner import results_folder
    from babyllama.pipeline import refresh_reports

    assert loaded.run is not None
    if loaded.place.checkpoint is None:
        try:
            refresh_reports(loaded.run)
        except BabyLlamaError as error:
            say(f"the plots and the card of {loaded.run.root} stay as they were: {error}")
    say(f"results: {results_folder(loaded)}")


def draw(
    comparison: dict[str, Any], runs: list[RunPaths | None], folder: str | None, say: Callable[[str], None]
) -> None:
    """The heat map of several models, and the learning curves of a run whose checkpoints are among them."""
    from pathlib import Path

    from babyllama.reporting.evaluation_plots import draw_comparison, draw_learning_curves

    target = Path(folder) if folder is not None else runs[0].plots if runs[0] is not None else None
    drawn = draw_comparison(comparison, target) if comparison and target is not None else []
    for run in {run.root: run for run in runs if run is not None}.values():
        drawn += draw_learning_curves(run)
    for picture in drawn:
        say(f"picture: {picture}")


def show(report: dict[str, Any], *, alone: bool) -> None:
    """Print one model's results as tables; of several models, minimal pairs come in one table at the end."""
    from babyllama.reporting import evaluation_tables as tables

    console = tables.make_console()
    if not alone:
        console.rule(report["model"], align="left")
    for name, found in report["results"].items():
        if "paradigms" in found:
            if not alone:
                continue
            console.print(tables.minimal_pairs_report(name, found))
        elif name == "perplexity":
            console.print(tables.perplexity_report(found))
        elif name == "generation":
            console.print(tables.generation_report(found))
        console.print()


def show_comparison(comparison: dict[str, Any]) -> None:
    """Print the table of several models."""
    from babyllama.reporting import evaluation_tables as tables

    tables.make_console().print(tables.comparison_report(comparison))


class ProgressBars:
    """A rich progress display on stderr: `with ProgressBars() as new: callback = new("blimp")`."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        console = Console(stderr=True)
        self.display = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )

    def __enter__(self) -> Any:
        self.display.start()
        return self._new

    def __exit__(self, *error: object) -> None:
        self.display.stop()

    def _new(self, name: str) -> Any:
        bar = self.display.add_task(name, total=None)

        def update(done: int, total: int) -> None:
            self.display.update(bar, completed=done, total=total or None)

        return update
