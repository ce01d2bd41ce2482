"""What a run has of a suite: the kept predictions of each column and checkpoint, and why one is not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from babyllama.artifacts import read_json, read_text
from babyllama.errors import DamagedFileError
from babyllama.evaluation.models import model_content
from babyllama.evaluation.suites.suite import Column, Suite
from babyllama.evaluation.tasks import NoData, Task, TaskData, build_tasks
from babyllama.publishing.submission_gold import Gold, LabelGold, Predictions, as_the_board_has_it, gold_of
from babyllama.publishing.submission_layout import FINAL, Part
from babyllama.runs import ModelPlace, StoredResult
from babyllama.runs.results import load_result


@dataclass(frozen=True)
class Found:
    """Predictions of one part."""

    predictions: Predictions
    gold: Gold | None
    """The data they are of; None where the data are not there."""
    published: dict[str, int]
    """Predictions in the whole published set, by UID."""
    evaluator: dict[str, str]
    """Versions that made them."""

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(len(rows["predictions"]) for rows in self.predictions.values())

    @property
    def whole(self) -> bool:
        """As many as were published, of every UID? The board takes no part of them."""
        counts = {uid: len(rows["predictions"]) for uid, rows in self.predictions.items()}
        return counts == self.published or (not set(counts) & set(self.published) and self._of_items(counts))

    def _of_items(self, counts: dict[str, int]) -> bool:
        """Global PIQA, where every item is a UID of its own."""
        return len(self.published) == 1 and "global_piqa" in next(iter(self.published)) and len(counts) == self.size

    @property
    def size(self) -> int:
        """Predictions in the whole published set."""
        return sum(self.published.values())


class Missing(Exception):
    """A part that is not there, with the reason."""


@dataclass
class RunResults:
    """The kept results of a run, read by the settings of a suite."""

    suite: Suite
    options: Mapping[str, Any]
    """Settings of the tasks: data, backend."""
    _read: dict[tuple[str, bool], tuple[Task, TaskData | None, str]] = field(default_factory=dict)

    def predictions(self, place: ModelPlace, column: Column, part: Part, revision: str) -> Found:
        """The predictions of `part` that `place` made. Missing, with the reason; DamagedFileError for changed files."""
        fast = revision != FINAL
        kept, task, data = self.kept(place, column, fast)
        assert place.results is not None
        file = place.results / "official" / f"{kept.name}_predictions.json"
        gold = None if data is None else gold_of(part, task, data)
        found = as_the_board_has_it(part, read_json(file), gold)
        published = self._published(task)
        own = {uid: count for uid, count in published.items() if part.column != "global_piqa" or uid == part.key}
        return Found(found, gold, own, kept.versions)

    def glue(self, place: ModelPlace, column: Column) -> dict[str, Found]:
        """The predictions of each task of GLUE, of the official seed. Missing."""
        from babyllama.finetuning.glue_data import GLUE

        kept, _, data = self.kept(place, column, False)
        assert place.results is not None
        rows: dict[str, list[dict[str, Any]]] = {}
        for line in read_text(place.results / f"{kept.name}_predictions.jsonl").splitlines():
            row = json.loads(line)
            if row["seed"] == kept.numbers["seed"]:
                name = row["task"]
                rows.setdefault(name, []).append({"id": f"{name}_{row['number']}", "pred": row["pred"]})
        found = {}
        for name, predictions in rows.items():
            gold = None if data is None else _labels(name, data.content[name][1])
            found[name] = Found({name: {"predictions": predictions}}, gold, {name: GLUE[name].rows}, kept.versions)
        return found

    def kept(self, place: ModelPlace, column: Column, fast: bool) -> tuple[StoredResult, Task, TaskData | None]:
        """(the result, its task, the data it is of if they are there). Missing when there is none of this model and data."""
        task, data, reason = self._task(place, column, fast)
        folder = place.results
        assert folder is not None
        name = task.result_name(data or TaskData(None, {}), folder)
        try:
            kept = load_result(folder / f"{name}.json")
        except DamagedFileError as error:
            raise Missing(str(error)) from error
        if kept is None:
            raise Missing(f"not scored{reason and ': '}{reason}")
        if kept.inputs.get("model") != model_content(place):
            raise Missing(f"{name}.json is the result of another model: evaluate again")
        if data is not None:
            stale = kept.stale_reason({**data.fingerprints, "model": kept.inputs["model"]}, kept.settings)
            if stale is not None:
                raise Missing(f"{name}.json is of other data than those in {data.source} ({stale}): evaluate again")
        return kept, task, data

    def _task(self, place: ModelPlace, column: Column, fast: bool) -> tuple[Task, TaskData | None, str]:
        """(the task of a column, its data if they are there, why not)"""
        at = (column.name, fast)
        if at not in self._read:
            (task,) = build_tasks([column.task], self.suite.options(column, {**self.options, "fast": fast}))
            try:
                self._read[at] = task, task.data(place), ""
            except NoData as error:
                self._read[at] = task, None, str(error)
        return self._read[at]

    def _published(self, task: Task) -> dict[str, int]:
        return task.published()  # type: ignore[attr-defined, no-any-return]


def glue_gold(data: str | None, name: str) -> Gold | None:
    """The labels of a task of GLUE; None where its files are not there."""
    from babyllama.evaluation.suites.data import DEFAULT_FOLDER
    from babyllama.finetuning.glue_data import GLUE, glue_files, glue_folder

    folder = glue_folder(Path(data or DEFAULT_FOLDER))
    file = None if folder is None or name not in GLUE else glue_files(folder, name)[1]
    return None if file is None or not file.is_file() else _labels(name, file)


def _labels(name: str, file: Path) -> Gold:
    from babyllama.finetuning.glue_data import GLUE, read_examples

    task = GLUE[name]
    return LabelGold(name, read_examples(file, task).labels.tolist(), task.labels, task.metric)


def has_checkpoint(place: ModelPlace, name: str) -> Path | None:
    """The folder of a words-seen checkpoint of the run, if it is there."""
    assert place.run is not None
    folder = place.run.checkpoints / name
    return folder if (folder / "config.json").is_file() else None
