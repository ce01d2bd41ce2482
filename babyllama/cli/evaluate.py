"""Score models: minimal pairs (BLiMP), perplexity, generation, stories, GLUE.

evaluate.py models/Llama-10M/                              perplexity on its held-out text and minimal pairs
evaluate.py MODEL --tasks blimp --pairs-per-paradigm 30    about 2,000 pairs of BLiMP, drawn with a seed
evaluate.py MODEL1 MODEL2                                  one table, differences tested
evaluate.py A B --ensemble A B                             A, B and the mean of their probabilities
evaluate.py MODEL --json                                   the results as one JSON object on stdout
evaluate.py MODEL --suite babylm-2026 --data DIR           the BabyLM leaderboard's columns, floors, averages
evaluate.py RUN --suite babylm-2026 --revisions all        its checkpoints on the fast set, the final model on all
evaluate.py --list-tasks                                   what can be evaluated

Under every protocol a sentence longer than the model's context is read in overlapping windows, and a note counts them.
babylm-2026 follows babylm-org/babylm-eval as of July 2026; docs/evaluation.md has the table of protocols.

MODEL is a run folder, a model folder, a checkpoint or a Hub name. Results of a run are kept in its evaluation/ folder,
and its plots and card are drawn again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama import console
from babyllama.artifacts import write_json
from babyllama.cli.arguments import output_file, seed
from babyllama.cli.suites import add_suite_arguments, check_suite_arguments, run_suites
from babyllama.config.tables import PROTOCOLS, TASKS
from babyllama.console import json_text
from babyllama.errors import BabyLlamaError, EvaluationError

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel
    from babyllama.evaluation.results import Result
    from babyllama.runs import ModelPlace, RunPaths

SETTINGS = (
    "blimp_data",
    "pair_format",
    "good_column",
    "bad_column",
    "group_column",
    "eval_text",
    "protocol",
    "masked_metric",
    "pairs_per_paradigm",
    "seed",
    "stride",
    "context",
    "dtype",
    "story_prompts",
    "stories_per_prompt",
    "data",
    "backend",
    "glue_tasks",
    "year",
    "glue_seeds",
    "glue_epochs",
    "glue_lr",
    "glue_batch_size",
    "glue_train_rows",
    "holdout",
)
"""Flags that are settings of tasks; one that is not given is left to the task."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Models, what to evaluate, and how."""
    parser.add_argument("models", nargs="*", metavar="MODEL", help="run folder, model folder, checkpoint or Hub name")
    parser.add_argument(
        "--ensemble", nargs="+", metavar="MODEL", help="score the mean of these models' probabilities, too"
    )
    parser.add_argument(
        "--tasks", metavar="LIST", help=f"comma-separated: {', '.join(TASKS)} (default: perplexity,blimp)"
    )
    parser.add_argument("--list-tasks", action="store_true", help="list the tasks and say what each measures")
    parser.add_argument(
        "--blimp-data",
        metavar="DIR",
        help="folder or file of minimal pairs, or nyu-mll/blimp (default: the run's own, else data/blimp, else "
        "data/blimp_synthetic)",
    )
    parser.add_argument(
        "--pair-format", metavar="NAME", help="blimp, blimp-nl, multiblimp, climp or zorro (default: blimp)"
    )
    for name, what in (("good", "acceptable sentence"), ("bad", "unacceptable sentence"), ("group", "paradigm")):
        parser.add_argument(f"--{name}-column", metavar="NAME", help=f"column of the {what} where it has another name")
    parser.add_argument("--eval-text", metavar="PATH", help="text for perplexity (default: the run's data.eval_path)")
    parser.add_argument("--protocol", metavar="NAME", help=f"{', '.join(PROTOCOLS)} (default: lm-eval)")
    parser.add_argument(
        "--masked-metric",
        choices=("original", "within_word_l2r"),
        help="masked models: mask each token alone, or with the rest of its word (default: original)",
    )
    parser.add_argument(
        "--pairs-per-paradigm", "--limit", type=int, metavar="N", help="score a seeded subset of each paradigm"
    )
    parser.add_argument("--paradigms", action="store_true", help="a line for every paradigm, not only for every term")
    parser.add_argument("--seed", type=seed, help="draws subsets, ties and samples (default: 42)")
    parser.add_argument(
        "--stride", type=int, metavar="N", help="perplexity of long documents: tokens a window moves on"
    )
    parser.add_argument(
        "--context",
        type=int,
        metavar="N",
        help="perplexity: tokens read at once; more than the model was trained on where its positions are rotary",
    )
    parser.add_argument("--story-prompts", metavar="FILE", help="stories: JSON lines with prompt, words, dialogue")
    parser.add_argument("--stories-per-prompt", type=int, metavar="N", help="stories: how many of each (default: 5)")
    add_glue_arguments(parser)
    parser.add_argument("--overwrite", action="store_true", help="measure again what is up to date")
    parser.add_argument(
        "--plots",
        metavar="DIR",
        help="draw the comparison there (default: plots/ of the run the first model belongs to)",
    )
    parser.add_argument("--output-path", type=output_file, metavar="FILE", help="write the results as JSON there, too")
    parser.add_argument("--json", action="store_true", help="print the results as JSON on stdout, nothing else there")
    add_suite_arguments(parser)
    add_model_arguments(parser)


def add_glue_arguments(parser: argparse.ArgumentParser) -> None:
    """How the classifiers of GLUE are trained."""
    parser.add_argument("--data", metavar="DIR", help="folder of the BabyLM evaluation data (default: data/evaluation)")
    parser.add_argument("--year", type=int, metavar="YEAR", help="rules of BabyLM 2025 or 2026 (default: 2026)")
    group = parser.add_argument_group("GLUE (--tasks glue)")
    group.add_argument(
        "--glue-tasks", metavar="LIST", help="some of boolq,mnli,mrpc,multirc,qqp,rte,wsc (default: all that are there)"
    )
    group.add_argument(
        "--glue-seeds", type=int, metavar="N", help="train each N times, with seed, seed + 1, ... (default: 1)"
    )
    group.add_argument("--glue-epochs", type=int, metavar="N", help="epochs (default: 10, of wsc 30)")
    group.add_argument("--glue-lr", type=float, metavar="LR", help="learning rate (default: 3e-5)")
    group.add_argument(
        "--glue-batch-size", type=int, metavar="N", help="rows in a step (default: 32, of boolq, multirc 16)"
    )
    group.add_argument("--glue-train-rows", type=int, metavar="N", help="train on the first N rows only, to try it out")
    group.add_argument(
        "--holdout",
        action="store_true",
        default=None,
        help="choose the epoch on a tenth of the training rows, not on the reported ones",
    )


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
    with console.quiet(args.quiet):
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    from babyllama.runs import locate_model

    if args.list_tasks:
        for name, task in TASKS.items():
            print(f"{name:<12} {task.title}")
        return 0
    if args.ensemble is not None and len(args.ensemble) < 2:
        raise EvaluationError("--ensemble: name at least two models, whose probabilities are averaged.")
    if not args.models and not args.ensemble:
        raise EvaluationError("no MODEL is named: give a run folder, a model folder, a checkpoint or a Hub name.")
    names = [task.strip() for task in args.tasks.split(",") if task.strip()] if args.tasks is not None else None
    check_suite_arguments(args)
    for name in names or () if args.suite is None else ():
        TASKS.get(name)
    # A mistyped name is told before the ones ahead are scored.
    places = [locate_model(path) for path in args.models]
    members = [locate_model(path) for path in args.ensemble or ()]
    with console.progress("loading"):
        from babyllama.device import set_threads
        from babyllama.evaluation.runner import compare, run_tasks
        from babyllama.evaluation.tasks import build_tasks, refuse_unread

        options = {name: getattr(args, name) for name in SETTINGS if getattr(args, name) is not None}
        tasks = build_tasks(None if args.suite else names, options)
        if args.suite is None:
            refuse_unread(tasks, options)
        set_threads()
    if args.suite is not None:
        return run_suites(args, places, names, options, lambda at: load(args, at.source), partial(_redraw, args))
    loaders: list[Callable[[], LoadedModel]] = [partial(load, args, path) for path in args.models]
    if members:
        from babyllama.evaluation.ensemble import ensemble_place, load_ensemble

        places.append(ensemble_place(members))
        loaders.append(lambda: load_ensemble([load(args, member.source) for member in members]))
    found: list[list[Result]] = []
    for place, loader in zip(places, loaders, strict=True):
        results = run_tasks(place, loader, tasks, named=names is not None, again=args.overwrite)
        found.append(results)
        if not args.json:
            show(place.name, results, alone=len(places) == 1, details=args.paradigms)
        if place.run is not None:
            refresh(place)
    models = [place.name for place in places]
    comparison = compare(models, found) if len(places) > 1 else {}
    reports: list[dict[str, Any]] = [
        {"model": model, "results": {result.key: result.numbers for result in results}}
        for model, results in zip(models, found, strict=True)
    ]
    value: Any = reports[0] if len(reports) == 1 else {"models": reports, "comparison": comparison}
    if args.output_path:
        write_json(args.output_path, value)
    if args.json:
        print(json_text(value, indent=2))
    elif comparison:
        from babyllama.evaluation.results import compared_parts
        from babyllama.reporting.terminal import print_tables

        print_tables(
            table for kind, key, one in compared_parts(comparison) for table in kind.comparison_tables(key, one)
        )
    draw(comparison, [place.run for place in places], args.plots)
    if not any(found):
        console.say("nothing was evaluated: no text for perplexity and no minimal pairs were found")
    return 0


def _redraw(args: argparse.Namespace, place: ModelPlace) -> None:
    """Plots, card and learning curves of the run of `place`."""
    refresh(place)
    draw({}, [place.run], args.plots)


def refresh(place: ModelPlace) -> None:
    """Draw the plots and write the card of the model's run again; the results are kept whether that works or not."""
    from babyllama.pipeline import refresh_reports

    assert place.run is not None
    if place.checkpoint is None:
        try:
            refresh_reports(place.run)
        except BabyLlamaError as error:
            console.say(f"note: the plots and the card of {place.run.root} stay as they were: {error}")
    console.say(f"note: results: {place.results}")


def draw(comparison: dict[str, Any], runs: list[RunPaths | None], folder: str | None) -> None:
    """The heat map of several models, and the learning curves of a run whose checkpoints are among them."""
    from babyllama.evaluation.results import compared_parts
    from babyllama.reporting.evaluation_plots import draw_heat_maps, draw_learning_curves

    target = Path(folder) if folder is not None else runs[0].plots if runs[0] is not None else None
    drawn = draw_heat_maps(compared_parts(comparison), target) if comparison and target is not None else []
    for run in {run.root: run for run in runs if run is not None}.values():
        drawn += draw_learning_curves(run)
    for picture in drawn:
        console.say(f"note: picture: {picture}")


def show(model: str, results: list[Result], *, alone: bool, details: bool) -> None:
    """Print one model's results as tables; of several models, what compares comes in one table at the end."""
    from babyllama.reporting.terminal import print_heading, print_tables

    if not alone:
        print_heading(model)
    for result in results:
        if alone or not result.shown_together:
            print_tables(result.tables(details=details))
