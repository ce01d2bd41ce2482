"""What the tasks of the BabyLM suites have in common: where their data lie, whose rules count, how a model is asked.

The rules are those of babylm/evaluation-pipeline-2025 and babylm-org/babylm-eval (2026), docs/babylm-suite.md tells them.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from babyllama.config.types import FilePath
from babyllama.evaluation.choices.items import Choice, ChoiceSet
from babyllama.evaluation.choices.results import ChoiceResult, OfChoices
from babyllama.evaluation.suites.data import DEFAULT_FOLDER, WHERE, find_data
from babyllama.evaluation.tasks.base import NoData, Task, TaskData, TaskSettings
from babyllama.runs import ModelPlace, result_name

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel
    from babyllama.evaluation.scoring import Progress


class BabyLMSettings(TaskSettings):
    """Whose rules, which of the data, and how a model is asked."""

    data: FilePath | None = None
    """Folder of the evaluation data; null is data/evaluation."""
    year: Literal[2025, 2026] = 2026
    """Whose rules: those of the challenge of that year."""
    fast: bool = False
    """The small set that checkpoints are scored on."""
    backend: Literal["auto", "causal", "mlm", "mntp"] = "auto"
    """How a probability is read; `auto` is mlm for a masked model and causal for any other."""


class BabyLMTask(Task):
    """A task of the BabyLM suites."""

    Settings = BabyLMSettings
    places = ("data",)
    folders: ClassVar[tuple[str, ...]]
    """Names of the folder that holds its files."""
    fast_folders: ClassVar[tuple[str, ...]] = ()
    """Names of the folder of its fast set; none where that is made of the same files."""
    pattern: ClassVar[str] = "*.jsonl"
    """Its files."""
    fast_differs: ClassVar[bool] = True
    """Is the fast set another than the full one?"""
    where: ClassVar[str] = WHERE
    """What to do where the data are missing."""
    full: ClassVar[dict[str, int]] = {}
    """Items by UID in the whole published set."""
    small: ClassVar[dict[str, int]] = {}
    """And in the fast one, where that is another."""
    settings: BabyLMSettings

    @property
    def fast(self) -> bool:
        """Is it the fast set, and is there one apart from the full one?"""
        return self.settings.fast and self.fast_differs

    def deciding(self) -> dict[str, Any]:
        """`fast` decides nothing where both sets are one, so that results are shared."""
        return {**super().deciding(), "fast": self.fast}

    def result_name(self, data: TaskData, folder: Path) -> str:
        """The task with the year, and what else makes it another result."""
        way = [] if self.settings.backend == "auto" else [self.settings.backend]
        return result_name(self.name, str(self.settings.year), *(["fast"] if self.fast else []), *way)

    def folder(self) -> Path:
        """The folder with its files. NoData saying which and where to get it."""
        fast = bool(self.fast and self.fast_folders)
        names = self.fast_folders if fast else self.folders
        root = Path(self.settings.data or DEFAULT_FOLDER)
        if self.settings.data is None and not root.is_dir():
            raise NoData(f"its data are missing: there is no folder {DEFAULT_FOLDER}/. {_sentence(self.where)}.")
        found = find_data(root, names, self.pattern, fast=fast)
        if found is None:
            what = " or ".join(f"{name}/" for name in names)
            set_ = "fast set is" if fast else "data are"
            raise NoData(
                f"its {set_} missing: no folder {what} with {self.pattern} in {root}. {_sentence(self.where)}."
            )
        return found

    def published(self) -> dict[str, int]:
        """Items by UID in the published set that is scored."""
        return self.small if self.fast else self.full

    def facts(self, started: float) -> dict[str, Any]:
        """What every result of such a task says of how it was made."""
        return {"year": self.settings.year, "fast": self.fast, "seconds": round(time.perf_counter() - started, 3)}


class ChoiceTask(BabyLMTask):
    """A task that is multiple choice by continuation."""

    result: ClassVar[type[OfChoices]] = ChoiceResult  # type: ignore[misc]
    curve_columns = ("items", "accuracy")
    reduction: ClassVar[Literal["sum", "mean"]] = "sum"

    @abstractmethod
    def read(self, folder: Path) -> list[Choice]:
        """The items in `folder`. DataError."""

    def data(self, place: ModelPlace | None) -> TaskData:
        """The items."""
        folder = self.folder()
        items = self.read(folder)
        if not items:
            raise NoData(f"the files in {folder} are empty.")
        choices = ChoiceSet(self.name, items, str(folder), self.published())
        return TaskData(choices, {"items": choices.fingerprint}, str(folder))

    def score(self, loaded: LoadedModel, data: TaskData, progress: Progress | None = None) -> OfChoices:
        """Choose an answer to every item."""
        from babyllama.evaluation.choices.scoring import score_choices

        started = time.perf_counter()
        choices: ChoiceSet = data.content
        scores = score_choices(
            loaded,
            choices.items,
            backend=self.settings.backend,
            reduction=self.reduction,
            ties="first" if self.settings.year == 2025 else "random",
            seed=self.settings.seed,
            progress=progress,
        )
        expected = choices.expected or {}
        facts = {
            **self.facts(started),
            "reduction": self.reduction,
            "expected": sum(expected.values()),
            "remarks": count_remarks(choices.name, [item.uid for item in choices.items], expected),
        }
        return self.result.of(choices, scores, facts)


def count_remarks(name: str, uids: Sequence[str], expected: dict[str, int]) -> list[str]:
    """What the numbers of items say against the published ones: one line where they differ, none where they agree."""
    counts = Counter(uids)
    more = [uid for uid, count in counts.items() if count > expected.get(uid, 0)]
    if more:
        return [
            f"{name}: not the published data: {more[0]} has {counts[more[0]]:,} items, the published files have "
            f"{expected.get(more[0], 0):,}; a board will refuse the predictions"
        ]
    total, whole = sum(counts.values()), sum(expected.values())
    if total < whole:
        return [f"{name}: a part of the published data: {total:,} of {whole:,} items"]
    return []


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
