"""Tasks on one model: measured, or found up to date, and kept in its run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from babyllama import console
from babyllama.artifacts import read_text
from babyllama.errors import DamagedFileError
from babyllama.evaluation.models import LoadedModel, check_whole, load_model, model_content, model_facts
from babyllama.evaluation.results import Result
from babyllama.evaluation.tasks import NoData, Task, TaskData, build_tasks
from babyllama.runs import ModelPlace, StoredResult, locate_model, save_result
from babyllama.runs.results import load_result

LOADING = ("device", "allow_pickle", "trust_remote_code")
"""Options of `run_evaluations` on how the model is loaded."""


def run_evaluations(
    model: str | Path | LoadedModel, tasks: Sequence[str] | None = None, **options: Any
) -> dict[str, Any]:
    """Evaluate one model: `{"model": name, "results": {task: numbers}}`, as `--json` prints it.

    `tasks` None takes perplexity and minimal pairs, each skipped with a note when its data are not there; a task that is
    named and cannot be done is an error. Minimal pairs appear under the name of their set. `options` are settings of the
    tasks (protocol, blimp_data, pairs_per_paradigm, eval_text, seed, dtype, ...) and those on loading (`LOADING`). Results
    of a run's model are kept in its `evaluation` folder, and reused where model, data and settings are the same.
    """
    place = model.place if isinstance(model, LoadedModel) else locate_model(model)
    given = {name: value for name, value in options.items() if name not in LOADING}
    built = build_tasks(tasks, given)

    def load() -> LoadedModel:
        if isinstance(model, LoadedModel):
            return model
        loading = {name: options[name] for name in LOADING if name in options}
        return load_model(model, dtype="bf16" if options.get("dtype") == "bf16" else "fp32", **loading)

    found = run_tasks(place, load, built, named=tasks is not None)
    return {"model": place.name, "results": {result.key: result.numbers for result in found}}


def run_tasks(
    place: ModelPlace, load: Callable[[], LoadedModel], tasks: Sequence[Task], *, named: bool, again: bool = False
) -> list[Result]:
    """Results of `tasks` on the model at `place`, which `load` loads when one of them has to be measured.

    Of a run's model every result is kept, and one of the same model, data and settings is reused unless `again`. With
    `named` off, a task whose data are not there or that the model cannot do is left out with a note. EvaluationError,
    DataError otherwise.
    """
    evaluations = ModelEvaluations(place, load, again=again)
    results = []
    for task in tasks:
        task.again = again
        try:
            result = evaluations.result(task, may_skip=not named)
        except NoData as error:
            if named:
                raise
            console.say(f"note: {task.name} skipped: {error}")
            continue
        results += [] if result is None else [result]
    return results


class ModelEvaluations:
    """Tasks on one model, each measured, or found up to date; the model is loaded when the first has to be measured."""

    def __init__(
        self, place: ModelPlace, load: Callable[[], LoadedModel], *, again: bool = False, others: Sequence[Path] = ()
    ) -> None:
        """`others` are folders of results of other models: one of the same weights, data and settings is taken over."""
        self.place, self._load, self.again, self.others = place, load, again, others
        self._loaded: LoadedModel | None = None
        self.folder = place.results
        self._model: str | None = None
        if self.folder is not None:
            check_whole(place)
            self._model = model_content(place)

    def result(self, task: Task, *, may_skip: bool = False) -> Result | None:
        """The result of `task`; None when the model cannot do it and it `may_skip`. NoData, DataError, EvaluationError."""
        data = task.data(self.place)
        folder = self.folder
        inputs = {**data.fingerprints, **({} if self._model is None else {"model": self._model})}
        name = task.result_name(data, folder) if folder is not None else task.name
        if folder is not None and not self.again:
            reused = _kept(folder, name, task, inputs) or self._taken_over(folder, name, task, inputs)
            if reused is not None:
                return reused
        loaded = self.loaded
        if loaded.masked and task.needs_causal and may_skip:
            console.say(f"note: {task.name} skipped: {self.place.name} is a masked language model, which has none")
            return None
        return _measured(task, loaded, data, folder, name, inputs)

    @property
    def loaded(self) -> LoadedModel:
        """The model."""
        if self._loaded is None:
            with console.progress(f"loading {self.place.name}"):
                self._loaded = self._load()
            for line in self._loaded.notes:
                console.say(f"note: {line}")
        return self._loaded

    def _taken_over(self, folder: Path, name: str, task: Task, inputs: Mapping[str, str]) -> Result | None:
        """The result that another place of the same weights has, copied to this one."""
        for other in self.others:
            if other == folder or not (other / f"{name}.json").is_file():
                continue
            kept = load_result(other / f"{name}.json")
            if kept is None or kept.task != task.name or kept.stale_reason(inputs, task.deciding()) is not None:
                continue
            facts = {**kept.evaluated, "model": self.place.name, "words_seen": self.place.words_seen}
            files = {file: [read_text(other / file)] for file in kept.files}
            save_result(folder, replace(kept, evaluated=facts), files)
            console.say(f"{name}: taken over from {other}, whose model is the same")
            found = load_result(folder / f"{name}.json")
            return None if found is None else task.result.read(found, folder)
        return None


def _measured(
    task: Task, loaded: LoadedModel, data: TaskData, folder: Path | None, name: str, inputs: Mapping[str, str]
) -> Result:
    with console.progress(task.name) as bar:
        result = task.score(loaded, data, bar.update)
    for line in result.notes():
        console.say(f"note: {line}")
    if folder is not None:
        kept = StoredResult(
            name,
            task.name,
            result.kind,
            result.numbers,
            inputs=dict(inputs),
            settings=task.deciding(),
            evaluated=model_facts(loaded),
        )
        save_result(folder, kept, result.files(name))
    return result


def _kept(folder: Path, name: str, task: Task, inputs: Mapping[str, str]) -> Result | None:
    """The result that is kept under `name`, if it is of this model, data and settings."""
    try:
        kept = load_result(folder / f"{name}.json")
    except DamagedFileError as error:
        console.say(f"note: {error} It is measured again.")
        return None
    if kept is None:
        return None
    reason = kept.stale_reason(inputs, task.deciding())
    if reason is not None or kept.task != task.name:
        console.say(f"{name}: measured again ({reason or 'another task has this name'})")
        return None
    console.say(f"{name}: up to date, reused")
    return task.result.read(kept, folder)


def compare(models: Sequence[str], found: Sequence[Sequence[Result]]) -> dict[str, Any]:
    """Tables over `models` from the results of each: {kind: {key: ...}}; a kind that has but one key of its own name is flat.

    Models that lack a result are left out of its table.
    """
    value: dict[str, Any] = {}
    for (kind, key), (names, results) in _groups(models, found).items():
        compared = type(results[0]).compare(names, results) if len(results) > 1 else None
        if compared is None:
            continue
        if key == kind:
            value[kind] = compared
        else:
            value.setdefault(kind, {})[key] = compared
    return value


def _groups(
    models: Sequence[str], found: Sequence[Sequence[Result]]
) -> dict[tuple[str, str], tuple[list[str], list[Result]]]:
    groups: dict[tuple[str, str], tuple[list[str], list[Result]]] = {}
    for model, results in zip(models, found, strict=True):
        for result in results:
            names, group = groups.setdefault((result.kind, result.key), ([], []))
            names.append(model)
            group.append(result)
    return groups


def check_data(tasks: Sequence[Task]) -> None:
    """Find out before training, not after, that what it ends with cannot be read."""
    for task in tasks:
        if task.reads_before_training:
            task.data(None)
