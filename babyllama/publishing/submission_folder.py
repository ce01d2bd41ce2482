"""The folder of a submission: written in one piece, and checked, whoever has had it in hand since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babyllama.artifacts import (
    atomic_folder,
    fingerprint_file,
    package_versions,
    read_json,
    read_object,
    read_sealed,
    write_sealed,
)
from babyllama.config.tables import SUITES
from babyllama.errors import DataError, EvaluationError
from babyllama.evaluation.models import model_content
from babyllama.evaluation.suites.suite import Suite
from babyllama.evaluation.tasks import NoData, build_tasks
from babyllama.publishing.submission import GROUPS, Submission
from babyllama.publishing.submission_form import form_fields
from babyllama.publishing.submission_gold import Gold, gold_of
from babyllama.publishing.submission_layout import FINAL, TRACKS, Part, collated_name, model_stem, parts_of
from babyllama.publishing.submission_parts import glue_gold
from babyllama.runs import Run, read_run

RECORD = "submission.json"
FORM = "form.json"


def write_submission(made: Submission, run: Run, target: Path, repo_id: str | None) -> dict[str, str]:
    """Write the folder `target` in one piece, and give the fields of the form. EvaluationError when predictions are not the data's."""
    if made.problems:
        listed = "\n  ".join(made.problems[:20])
        raise EvaluationError(f"the predictions are not those of the data, nothing was written:\n  {listed}")
    fields = form_fields(read_run(run.paths), made.backend, repo_id, read_object(run.paths.final / "config.json"))
    with atomic_folder(target) as folder:
        below = f"results/{model_stem(made.name)}"
        files = {f"{below}/{name}": value for name, value in made.files.items()} | {FORM: fields}
        for name, value in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
        write_sealed(
            folder / RECORD,
            {
                "suite": made.suite.name,
                "track": made.track,
                "backend": made.backend,
                "model": made.name,
                "models": made.models,
                "evaluator": {"babyllama": sorted(made.evaluators), "packed by": package_versions("babyllama")},
                "predictions": {name: fingerprint_file(folder / name) for name in files},
                "scores": made.scores,
                "averages": {group: made.average(group) for group in GROUPS},
                "lacks": [[one.revision, one.what, one.why] for one in made.lacks],
                "unchecked": made.unchecked,
            },
        )
    return fields


def check_submission(folder: Path, data: str | None = None, run: Run | None = None) -> list[str]:
    """Everything that is wrong with the submission in `folder`; empty when it may be handed in.

    Its files must be those that were written, the collated file must hold what the tree holds, every prediction must be of the
    evaluation data in `data` (those of the suite's year, where they are there), and of the models of `run`, if it is given.
    EvaluationError when `folder` holds no submission; DamagedFileError when its record was changed.
    """
    try:
        record = read_sealed(folder / RECORD)
    except FileNotFoundError as error:
        raise EvaluationError(
            f"{folder} holds no submission: it has no {RECORD}. `babyllama submit RUN` makes one."
        ) from error
    problems = list(_changed(folder, record["predictions"]))
    if problems:
        return problems
    suite: Suite = SUITES.get(record["suite"])
    below = folder / "results" / model_stem(record["model"])
    collated = read_object(below / collated_name(record["backend"]))
    for part in parts_of(tuple(one.name for one in suite.columns), suite.settings["year"]):
        problems += _part(below, part, suite, record, collated, data)
    problems += _glue(below, suite, collated, data)
    if run is not None:
        problems += _models(record, run)
    return problems


def _changed(folder: Path, written: dict[str, str]) -> Iterator[str]:
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {RECORD}
    for name in sorted(there - set(written)):
        yield f"{name} was not written by this submission"
    for name, fingerprint in written.items():
        if name not in there:
            yield f"{name} is missing"
        elif fingerprint_file(folder / name) != fingerprint and name != FORM:
            yield f"{name} has changed since it was written"


def _part(
    below: Path, part: Part, suite: Suite, record: dict[str, Any], collated: dict[str, Any], data: str | None
) -> Iterator[str]:
    """One kind of predictions, of the final model and of every checkpoint."""
    lacks = {(revision, what) for revision, what, _ in record["lacks"]}
    track = TRACKS[record["track"]]
    fast_results = collated["fast_eval_results"].get(part.key, [])
    if part.fast is not None and len(fast_results) != len(track):
        yield f"fast_eval_results has {len(fast_results)} values of {part.key}, the track {record['track']} asks for {len(track)}"
    for revision in (FINAL, *(track if part.fast is not None else ())):
        file = below / revision / "zero_shot" / record["backend"] / part.file(revision)
        in_board = (
            collated.get(part.key) if revision == FINAL else dict(zip(track, fast_results, strict=False)).get(revision)
        )
        where = f"{revision} {part.key}"
        if not file.is_file():
            if in_board is not None:
                yield f"{where}: the collated file has what the tree lacks"
            if not {(revision, part.key), (revision, "all")} & lacks:
                yield f"{where}: not scored, and the record does not say so"
            continue
        found = read_json(file)
        if revision == FINAL and in_board is not None and in_board != found:
            yield f"{where}: the collated file has other predictions than the tree"
        try:
            gold = _gold(part, suite, data, fast=revision != FINAL)
        except DataError as error:
            yield f"{where}: {error}"
            continue
        if gold is None:
            continue
        wrong = gold.problems(found)
        yield from (f"{where}: {one}" for one in wrong)
        if revision != FINAL and in_board is not None and not wrong and in_board != gold.values(found):
            yield f"{where}: fast_eval_results are not what the predictions give"


def _gold(part: Part, suite: Suite, data: str | None, *, fast: bool) -> Gold | None:
    """The data of `part`; None where they are not there."""
    column = next(one for one in suite.columns if one.name == part.column)
    (task,) = build_tasks([column.task], suite.options(column, {"data": data, "fast": fast}))
    try:
        return gold_of(part, task, task.data(None))
    except NoData:
        return None


def _glue(below: Path, suite: Suite, collated: dict[str, Any], data: str | None) -> Iterator[str]:
    for file in sorted((below / FINAL / "finetune").glob("*/predictions.json")):
        name, found = file.parent.name, read_json(file)
        in_board = collated["glue"].get(name)
        if in_board is not None and {name: in_board} != found:
            yield f"{FINAL} glue {name}: the collated file has other predictions than the tree"
        gold = glue_gold(data, name)
        if gold is not None:
            yield from (f"{FINAL} glue {name}: {one}" for one in gold.problems(found))


def _models(record: dict[str, Any], run: Run) -> Iterator[str]:
    from babyllama.runs import locate_model

    for revision, fingerprint in record["models"].items():
        folder = run.paths.final if revision == FINAL else run.paths.checkpoints / revision
        if not (folder / "config.json").is_file() or model_content(locate_model(folder)) != fingerprint:
            yield f"{revision}: the predictions are of another model than {folder}"
