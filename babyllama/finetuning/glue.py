"""GLUE: from the model a classifier is trained for each task, and what it gets right is the score."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from babyllama import console
from babyllama.artifacts import fingerprint_file, fingerprint_value, read_sealed, write_sealed
from babyllama.config.types import Count, FilePath
from babyllama.device import has_fast_bf16
from babyllama.errors import DamagedFileError, DataError
from babyllama.evaluation.models import model_content
from babyllama.evaluation.tasks.base import NoData, Task, TaskData, TaskSettings
from babyllama.finetuning.glue_data import (
    FOLDER,
    GLUE,
    Examples,
    Subtask,
    floor,
    glue_files,
    glue_folder,
    read_examples,
    scores,
)
from babyllama.finetuning.glue_results import GlueResult, result_stem
from babyllama.registry import suggestion
from babyllama.runs import ModelPlace
from babyllama.text import percent

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel
    from babyllama.evaluation.scoring import Progress
    from babyllama.finetuning.classification import Recipe, Rows

DEFAULT_DATA = "data/evaluation"
_HELD_OUT = 10
"""With --holdout every tenth training row, drawn with the seed, chooses the epoch."""


def _names(value: Any) -> Any:
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


class GlueSettings(TaskSettings):
    """Which tasks, and how their classifiers are trained; what is not given is the official pipeline's."""

    data: FilePath | None = None
    """Folder of the BabyLM evaluation data, or of the GLUE files themselves; by default data/evaluation."""
    glue_tasks: Annotated[tuple[str, ...] | None, BeforeValidator(_names)] = None
    """Some of boolq, mnli, mrpc, multirc, qqp, rte, wsc; by default those whose files are there."""
    year: Literal[2025, 2026] = 2026
    """Whose rules: 2026 classifies a causal model's last token; 2025 its first one, which says nothing of the text."""
    glue_seeds: Count = 1
    """Trainings of each task, with seed, seed + 1, ...; the first one is the official score."""
    glue_epochs: Count | None = None
    """Epochs; by default 10, of wsc 30."""
    glue_lr: Annotated[float, Field(gt=0)] = 3e-5
    """The learning rate after warm-up."""
    glue_batch_size: Count | None = None
    """Rows in a step; by default 32, of boolq and multirc 16."""
    glue_train_rows: Count | None = None
    """Train on the first so many rows only, to try things out."""
    holdout: bool = False
    """Choose the epoch on a tenth of the training rows instead of on the rows that are reported."""


class GlueTask(Task):
    """How much of what GLUE asks does a classifier learn that starts from the model?"""

    name = "glue"
    title = "classifiers of GLUE, trained from the model, as BabyLM has them"
    Settings = GlueSettings
    result = GlueResult
    places = ("data",)
    settings: GlueSettings

    def data(self, place: ModelPlace | None) -> TaskData:
        """The files of the tasks that are asked for, or of those that are there."""
        asked = self.settings.glue_tasks
        for name in asked or ():
            if name not in GLUE:
                raise DataError(f"--glue-tasks {name}: no such task; {suggestion(name, list(GLUE))}.")
        root = Path(self.settings.data or DEFAULT_DATA)
        folder = glue_folder(root)
        if folder is None:
            raise NoData(
                f"no GLUE files (*.train.jsonl) in {root} or {root / FOLDER}. Fetch the BabyLM evaluation data "
                "(Hub data set BabyLM-community/BabyLM-2026-Strict-Evals), and name its folder with --data DIR."
            )
        there = [name for name in GLUE if all(file.is_file() for file in glue_files(folder, name))]
        absent = [name for name in asked or () if name not in there]
        if absent or not there:
            raise NoData(
                f"{folder} lacks {', '.join(f'{one}.train.jsonl or {one}.valid.jsonl' for one in absent or GLUE)}."
            )
        names = [name for name in there if asked is None or name in asked]
        files = {name: glue_files(folder, name) for name in names}
        fingerprints = {
            f"{name}.{part}": fingerprint_file(file)
            for name, pair in files.items()
            for part, file in zip(("train", "valid"), pair, strict=True)
        }
        return TaskData(files, fingerprints, str(folder))

    def published(self) -> dict[str, int]:
        """Rows of the whole published validation files."""
        return {name: one.rows for name, one in GLUE.items()}

    def deciding(self) -> dict[str, Any]:
        """Which tasks there are follows from the data."""
        return {name: value for name, value in super().deciding().items() if name != "glue_tasks"}

    def result_name(self, data: TaskData, folder: Path) -> str:
        """`glue`; other rules are kept beside it."""
        return result_stem(self.settings.year, self.settings.holdout)

    def score(self, loaded: LoadedModel, data: TaskData, progress: Progress | None = None) -> GlueResult:
        """Train and score task by task; a training that is done is kept in a run's evaluation/glue/ and not done again."""
        limit = self.settings.glue_train_rows
        read = {
            name: (read_examples(train, GLUE[name], limit), read_examples(valid, GLUE[name]))
            for name, (train, valid) in data.content.items()
        }
        recipes = {name: self.recipe(GLUE[name], loaded) for name in read}
        steps = {name: recipe.epochs * self.settings.glue_seeds for name, recipe in recipes.items()}
        total, done = sum(len(read[name][0]) * count for name, count in steps.items()), 0

        def advance(rows: int) -> None:
            nonlocal done
            done += rows
            if progress is not None:
                progress(min(done, total), total)

        model = None if loaded.place.results is None else model_content(loaded.place)
        tasks, predictions = {}, []
        for name, (train, valid) in read.items():
            key = {
                "model": model,
                "data": [data.fingerprints[f"{name}.{part}"] for part in ("train", "valid")],
                "recipe": asdict(recipes[name]),
                "rows": self.settings.glue_train_rows,
                "holdout": self.settings.holdout,
            }
            tasks[name], rows = self._task(loaded, GLUE[name], recipes[name], train, valid, key, advance)
            predictions += rows
        numbers = {
            "year": self.settings.year,
            "holdout": self.settings.holdout,
            "seed": self.settings.seed,
            "precision": next(iter(recipes.values())).precision,
            "length": next(iter(recipes.values())).length,
            "mean": statistics.fmean(one["score"] for one in tasks.values()),
            "missing": [name for name in GLUE if name not in tasks],
            "tasks": tasks,
            "data": data.source,
        }
        return GlueResult(numbers, measured=predictions)

    def recipe(self, task: Subtask, loaded: LoadedModel) -> Recipe:
        """How the classifier of `task` is trained."""
        from babyllama.finetuning.classification import LENGTH, Recipe

        ask, fast = self.settings, has_fast_bf16(loaded.device)
        if ask.dtype == "bf16" and not fast:
            console.warn(
                f"glue: this {loaded.device.type.upper()} has no bf16 units: the classifiers are trained in fp32"
            )
        causal_2026 = not loaded.masked and ask.year == 2026
        return Recipe(
            lr=ask.glue_lr,
            batch_size=ask.glue_batch_size or task.batch_size,
            epochs=ask.glue_epochs or task.epochs,
            length=LENGTH if loaded.rotary else min(LENGTH, loaded.context_length or LENGTH),
            pooling="last" if causal_2026 else "first",
            precision="bf16" if fast and ask.dtype != "fp32" else "fp32",
        )

    def _task(
        self,
        loaded: LoadedModel,
        task: Subtask,
        recipe: Recipe,
        train: Examples,
        valid: Examples,
        key: dict[str, Any],
        advance: Callable[[int], None],
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """(numbers, rows of predictions) of one task over all seeds."""
        from babyllama.finetuning.classification import encode

        encoded: Any = None
        seeds, predictions = {}, []
        for seed in range(self.settings.seed, self.settings.seed + self.settings.glue_seeds):
            file = _part_file(loaded, task, self.settings, seed)
            found = None if file is None or self.again else _kept(file, fingerprint_value({**key, "seed": seed}))
            if found is None:
                if encoded is None:
                    encoded = encode(loaded, train, recipe.length), encode(loaded, valid, recipe.length)
                found = self._train(loaded, task, recipe, encoded[0], encoded[1], seed, advance)
                if file is not None:
                    write_sealed(file, {"key": fingerprint_value({**key, "seed": seed}), **found})
            else:
                console.say(f"glue: {task.name}, seed {seed}: trained before, reused")
                advance(len(train) * recipe.epochs)
            console.say(f"glue: {task.name}, seed {seed}: {task.metric} {percent(found['score'], 2)}")
            for number, (one, label) in enumerate(zip(found.pop("predicted"), valid.labels.tolist(), strict=True)):
                predictions.append(
                    {
                        "task": task.name,
                        "seed": seed,
                        "number": number,
                        "idx": valid.ids[number],
                        "pred": one,
                        "label": label,
                    }
                )
            seeds[str(seed)] = found
        values = [one["score"] for one in seeds.values()]
        first = seeds[str(self.settings.seed)]
        numbers = {
            "metric": task.metric,
            "score": first["score"],
            "mean": statistics.fmean(values),
            "spread": statistics.stdev(values) if len(values) > 1 else None,
            "floor": floor(task, valid.labels),
            "rows": len(valid),
            "train_rows": first["train_rows"],
            "cut": first["cut"],
            "seeds": seeds,
        }
        return numbers, predictions

    def _train(
        self,
        loaded: LoadedModel,
        task: Subtask,
        recipe: Recipe,
        train: tuple[Rows, int],
        valid: tuple[Rows, int],
        seed: int,
        advance: Callable[[int], None],
    ) -> dict[str, Any]:
        """What is kept of one training."""
        from babyllama.finetuning.classification import fine_tune

        rows, chosen_on = (train[0], None) if not self.settings.holdout else _split(train[0], seed)
        tuned = fine_tune(loaded, task, recipe, rows, valid[0], chosen_on, seed, advance)
        found = scores(tuned.predicted, valid[0].labels)
        return {
            "score": found[task.metric],
            **found,
            "last": tuned.last[task.metric],
            "epoch": tuned.best,
            "epochs": recipe.epochs,
            "by_epoch": [one[task.metric] for one in tuned.epochs],
            "train_rows": len(rows.ids),
            "cut": train[1] + valid[1],
            "predicted": tuned.predicted.tolist(),
        }


def _split(rows: Rows, seed: int) -> tuple[Rows, Rows]:
    """(rows to train on, rows to choose the epoch on): a tenth, drawn with the seed."""
    order = np.random.default_rng(seed).permutation(len(rows.ids))
    apart = max(1, len(order) // _HELD_OUT)
    return rows.part(np.sort(order[apart:])), rows.part(np.sort(order[:apart]))


def _part_file(loaded: LoadedModel, task: Subtask, settings: GlueSettings, seed: int) -> Path | None:
    """Where a training is kept until its model, data or recipe changes; None for a model that is no run's."""
    folder = loaded.place.results
    stem = result_stem(settings.year, settings.holdout)
    return None if folder is None else folder / stem / f"{task.name}_seed{seed}.json"


def _kept(file: Path, key: str) -> dict[str, Any] | None:
    """The training that `file` keeps, if it is that of `key`."""
    try:
        value = read_sealed(file)
    except FileNotFoundError:
        return None
    except DamagedFileError as error:
        console.say(f"note: {error} It is trained again.")
        return None
    return value if value.pop("key", None) == key else None
