"""SyntaxGym: does surprisal rise and fall, region by region, as a grammar predicts?

Gauthier et al. 2020, aclanthology 2020.acl-demos.10, with the suites of Hu et al. 2020, 2020.acl-main.158: an item holds one sentence for
each condition, cut into numbered regions; the surprisals of a region's tokens are summed (bits), and an item is right where all
predictions of its suite hold. Mean over suites of the share of right items. Regions are joined by one space, as cpllab/syntaxgym-core does it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from babyllama.artifacts import MANIFEST_NAME, fingerprint_value
from babyllama.config.types import FilePath
from babyllama.errors import DataError
from babyllama.evaluation.choices.differences import Decisions
from babyllama.evaluation.choices.results import ChoiceResult
from babyllama.evaluation.region_formulas import RegionFormula
from babyllama.evaluation.results import Measure, Table
from babyllama.evaluation.statistics import mean_of_proportions, wilson
from babyllama.evaluation.tasks.base import NoData, Task, TaskData, TaskSettings
from babyllama.runs import ModelPlace
from babyllama.text import listed, markdown, percent

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel
    from babyllama.evaluation.scoring import Progress

DEFAULT_FOLDER = "data/syntaxgym"
_MEND = "Name a suite, or a folder of suites, with --data, and leave other .json files out of it."
_DRAWS = 20_000
"""Made-up items that chance is counted on: every region's surprisal drawn apart from the same distribution."""


@dataclass(frozen=True)
class Sentence:
    """One condition of one item."""

    regions: dict[int, str]
    """Number -> text, in the order of the sentence; some are empty."""

    @property
    def text(self) -> str:
        """What the model reads."""
        return " ".join(filter(None, self.regions.values()))

    @property
    def spans(self) -> list[tuple[int, int]]:
        """(first character, character after the last one) of each region that is not empty."""
        found, start = [], 0
        for content in filter(None, self.regions.values()):
            found.append((start, start + len(content)))
            start += len(content) + 1
        return found


@dataclass(frozen=True)
class SyntaxSuite:
    """One file."""

    name: str
    formulas: list[RegionFormula]
    items: dict[str, dict[str, Sentence]]
    """Number of the item -> condition -> sentence."""

    @property
    def sentences(self) -> list[Sentence]:
        """All of them, in order."""
        return [sentence for conditions in self.items.values() for sentence in conditions.values()]


class SyntaxGymSettings(TaskSettings):
    """Where the suites are."""

    data: FilePath | None = None
    """A suite (.json), or a folder of them; null is data/syntaxgym."""


class SyntaxGymResult(ChoiceResult):
    """Items on which all predictions hold, by suite."""

    kind = "syntaxgym"

    @property
    def items(self) -> tuple[bool, int]:
        """All items of the suites that are there."""
        return (True, self.numbers["n"])

    def headline(self) -> list[Measure]:
        """The mean over suites."""
        found = self.numbers
        label = f"SyntaxGym, mean of {len(found['groups'])} suites, {found['n']:,} items"
        return [Measure(markdown(label), f"{percent(found['accuracy'], 2)} %")]

    def tables(self, *, details: bool = False) -> list[Table]:
        """By suite; with `details` also by prediction."""
        found = self.numbers
        rows = [_cells(name, row) for name, row in found["groups"].items()]
        rows.append(_cells("mean", {**found, "low": found["accuracy_low"], "high": found["accuracy_high"]}))
        columns = ("accuracy %", "95 % interval", "items", "chance %")
        title = "SyntaxGym: items on which all predictions of the suite hold"
        tables = [Table(title, columns, rows, frozenset({len(rows) - 1}))]
        if details:
            parts = [
                (f"{name}: {one['formula']}", percent(one["accuracy"], 2), percent(one["chance"]))
                for name, row in found["groups"].items()
                for one in row["predictions"]
            ]
            tables.append(Table("SyntaxGym, prediction by prediction", ("holds %", "chance %"), parts))
        return tables

    def files(self, stem: str) -> dict[str, Iterable[str]]:
        """Every item: which predictions hold, and the bits of each region."""
        return {f"{stem}_predictions.jsonl": (json.dumps(row, ensure_ascii=False) + "\n" for row in self.measured)}

    def notes(self) -> list[str]:
        """Items without a number."""
        if not self.numbers["nan"]:
            return []
        return [
            f"syntaxgym: {self.numbers['nan']:,} items have no surprisal for a region that a prediction names, and no comparison with it "
            "holds: broken weights, or a first word with nothing before it (a tokenizer without BOS and EOS)"
        ]

    @property
    def decisions(self) -> Decisions | None:
        """Suite -> which of its items were right."""
        if self.measured is None:
            return super().decisions
        rows: dict[str, list[bool]] = {}
        for row in self.measured:
            rows.setdefault(row["uid"], []).append(row["correct"])
        return {name: np.array(correct) for name, correct in rows.items()}


class SyntaxGymTask(Task):
    """Do all predictions of a suite hold?"""

    name = "syntaxgym"
    title = "SyntaxGym suites: predictions about the surprisal of regions"
    Settings = SyntaxGymSettings
    result = SyntaxGymResult
    places = ("data",)
    curve_columns = ("items", "accuracy")
    needs_causal = True
    settings: SyntaxGymSettings

    def data(self, place: ModelPlace | None) -> TaskData:
        """The suites, by the names of their files."""
        path = Path(self.settings.data or DEFAULT_FOLDER)
        files = sorted(path.glob("*.json")) if path.is_dir() else [path] if path.is_file() else []
        suites = [read_suite(file) for file in files if file.name != MANIFEST_NAME]
        if not suites:
            raise NoData(
                f"no SyntaxGym suites (*.json) in {path}. Those of Hu et al. 2020 are in test_suites/json/ of "
                "https://github.com/cpllab/syntactic-generalization; name their folder, or one of them, with --data."
            )
        content = [
            [one.name, [f.text for f in one.formulas], [list(s.regions.items()) for s in one.sentences]]
            for one in suites
        ]
        return TaskData(suites, {"suites": fingerprint_value(content)}, str(path))

    def score(self, loaded: LoadedModel, data: TaskData, progress: Progress | None = None) -> SyntaxGymResult:
        """Read every sentence once, sum over regions, judge."""
        from babyllama.evaluation.surprisal import surprisal_of_parts

        started = time.perf_counter()
        suites: list[SyntaxSuite] = data.content
        sentences = [sentence for suite in suites for sentence in suite.sentences]
        bits: list[dict[int, float]] = [dict.fromkeys(one.regions, 0.0) for one in sentences]
        for part in surprisal_of_parts(loaded, [one.text for one in sentences], [one.spans for one in sentences]):
            numbers = [number for number, text in sentences[part.sentence - 1].regions.items() if text]
            value = np.nan if part.surprisal is None else part.surprisal
            bits[part.sentence - 1][numbers[part.index - 1]] = value
        read, rows, groups = iter(bits), [], {}
        for suite in suites:
            here = [_row(suite, item, {name: next(read) for name in suite.items[item]}) for item in suite.items]
            groups[suite.name] = _group(suite, here)
            rows += here
        correct, totals = ([row[key] for row in groups.values()] for key in ("correct", "n"))
        low, high = mean_of_proportions(correct, totals)
        return SyntaxGymResult(
            {
                "set": self.name,
                "accuracy": fmean(row["accuracy"] for row in groups.values()),
                "accuracy_low": low,
                "accuracy_high": high,
                "chance": fmean(row["chance"] for row in groups.values()),
                "n": sum(totals),
                "ties": 0,
                "nan": sum(row["nan"] for row in rows),
                "seconds": round(time.perf_counter() - started, 3),
                "groups": groups,
            },
            measured=rows,
        )


def read_suite(file: Path) -> SyntaxSuite:
    """The suite in `file`. DataError naming file, item and condition, or the prediction and the character, of what is wrong with it."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        what = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else f"it is not JSON ({error})"
        raise DataError(f"{file} is no SyntaxGym suite: {what}. {_MEND}") from error
    if not isinstance(value, dict):
        raise DataError(f"{file} is no SyntaxGym suite: it holds no JSON object but {type(value).__name__}. {_MEND}")
    meta = value.get("meta")
    metric = meta.get("metric", "sum") if isinstance(meta, dict) else "sum"
    if metric != "sum":
        raise DataError(f"{file}: meta.metric {metric!r}: the surprisals of a region are summed here (metric 'sum').")
    items: dict[str, dict[str, Sentence]] = {}
    for count, item in enumerate(_list(value, "items", str(file)), 1):
        where = f"{file}, item {item.get('item_number', f'at place {count}')}"
        number = str(item.get("item_number", count))
        if number in items:
            raise DataError(f"{where}: the number stands twice.")
        items[number] = dict(_sentence(one, where) for one in _list(item, "conditions", where))
        if len(items[number]) < len(item["conditions"]):
            raise DataError(f"{where}: a condition stands twice.")
    formulas = []
    for count, one in enumerate(_list(value, "predictions", str(file)), 1):
        where = f"{file}, prediction {count}"
        if not isinstance(one.get("formula"), str):
            raise DataError(f"{where}: no 'formula'. Other kinds of predictions are not read.")
        formulas.append(RegionFormula.parse(one["formula"], where))
        for condition, region in sorted(formulas[-1].regions, key=str):
            for number, conditions in items.items():
                if condition not in conditions:
                    known = listed(list(conditions), 6)
                    raise DataError(f"{where}: item {number} has no condition {condition!r}; it has {known}.")
                if region is not None and region not in conditions[condition].regions:
                    raise DataError(f"{where}: item {number}, condition {condition!r} has no region {region}.")
    return SyntaxSuite(file.stem, formulas, items)


def _list(value: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    found = value.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        raise DataError(f"{where}: no list of objects in {key!r}. It is no SyntaxGym suite.")
    return found


def _sentence(condition: dict[str, Any], where: str) -> tuple[str, Sentence]:
    name = condition.get("condition_name")
    if not isinstance(name, str) or not name:
        raise DataError(f"{where}: a condition without 'condition_name'.")
    where = f"{where}, condition {name!r}"
    regions: dict[int, str] = {}
    for region in _list(condition, "regions", where):
        number, content = region.get("region_number"), region.get("content")
        if type(number) is not int or number in regions or not isinstance(content, str):
            raise DataError(f"{where}: region {number!r} has no number of its own, or no text in 'content'.")
        regions[number] = content.strip()
    if not any(regions.values()):
        raise DataError(f"{where}: all regions are empty.")
    return name, Sentence(regions)


def _row(suite: SyntaxSuite, item: str, bits: dict[str, dict[int, float]]) -> dict[str, Any]:
    """What is kept of one item."""
    holds = [bool(formula.holds(bits)) for formula in suite.formulas]
    asked = frozenset().union(*(formula.regions for formula in suite.formulas))
    nan = bool(np.isnan([sum(bits[name].values()) if one is None else bits[name][one] for name, one in asked]).any())
    shown = {
        name: {number: None if np.isnan(value) else round(value, 6) for number, value in regions.items()}
        for name, regions in bits.items()
    }
    return {"uid": suite.name, "item": item, "correct": all(holds), "holds": holds, "nan": nan, "surprisal": shown}


def _group(suite: SyntaxSuite, rows: list[dict[str, Any]]) -> dict[str, Any]:
    correct, n = sum(row["correct"] for row in rows), len(rows)
    low, high = wilson(correct, n)
    draw = np.random.default_rng(0)
    first = next(iter(suite.items.values()))
    random = {name: {number: draw.standard_normal(_DRAWS) for number in one.regions} for name, one in first.items()}
    by_chance = [formula.holds(random) for formula in suite.formulas]
    predictions = [
        {"formula": one.text, "accuracy": fmean(row["holds"][n] for row in rows), "chance": float(by_chance[n].mean())}
        for n, one in enumerate(suite.formulas)
    ]
    chance = float(np.logical_and.reduce(by_chance).mean())
    return {
        "accuracy": correct / n, "correct": correct, "n": n, "low": low, "high": high, "chance": chance, "ties": 0, "file": "",
        "predictions": predictions,
    }  # fmt: skip


def _cells(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    interval = f"{percent(row['low'])}-{percent(row['high'])}"
    return name, percent(row["accuracy"], 2), interval, f"{row['n']:,}", percent(row["chance"])
