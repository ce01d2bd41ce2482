"""BLiMP and other minimal pairs, under a named protocol."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator

from babyllama.artifacts import read_text
from babyllama.config import Config
from babyllama.config.tables import PROTOCOLS
from babyllama.config.types import Count, FilePath, Text
from babyllama.errors import DamagedFileError, DataError
from babyllama.evaluation.pair_bars import accuracies_side_by_side, accuracy_bars, difference_bars
from babyllama.evaluation.pair_comparison import Decisions, compare_minimal_pairs
from babyllama.evaluation.pair_results import MinimalPairResults, holds_whole_set, pair_set_title
from babyllama.evaluation.pair_tables import comparison_tables, pair_tables, phenomenon_table
from babyllama.evaluation.pairs import PairSet, default_pair_folder, read_pairs
from babyllama.evaluation.protocols import DEFAULT_PROTOCOL
from babyllama.evaluation.results import Bars, Measure, Result, Score, Table
from babyllama.evaluation.tasks.base import NoData, Task, TaskData, TaskSettings
from babyllama.runs import ModelPlace, Run, result_name
from babyllama.text import markdown

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel
    from babyllama.evaluation.scoring import Progress


class MinimalPairsSettings(TaskSettings):
    """How minimal pairs are read and scored."""

    blimp_data: FilePath | None = None
    """File, folder or Hub name; by default the run's own, else data/blimp, else data/blimp_synthetic."""
    pair_format: Text = "blimp"
    """See `babyllama.evaluation.pairs.PAIR_FORMATS`."""
    good_column: Text | None = None
    bad_column: Text | None = None
    group_column: Text | None = None
    protocol: Annotated[Text, AfterValidator(lambda name: PROTOCOLS.get(name).name)] = DEFAULT_PROTOCOL
    pairs_per_paradigm: Count | None = None
    """Score a part drawn with `seed`."""
    masked_metric: Literal["original", "within_word_l2r"] = "original"
    """What is masked while a token is scored under a masked model."""
    backend: Literal["auto", "causal", "mlm", "mntp"] = "auto"
    """How a probability is read; `auto` is mlm for masked models, else causal."""


class MinimalPairsResult(Result):
    """Decisions on minimal pairs and their averages."""

    kind = "minimal_pairs"
    shown_together = True

    @classmethod
    def of(cls, measured: MinimalPairResults) -> MinimalPairsResult:
        """The result that `score_minimal_pairs` gave."""
        return cls(measured.to_json(), measured=measured)

    @property
    def key(self) -> str:
        """The name of the set."""
        return str(self.numbers["set"])

    @property
    def same(self) -> tuple[Any, ...]:
        """Parts of a set under one protocol and backend are parts of one result."""
        return (self.kind, self.key, self.numbers["protocol"], self._backend)

    @property
    def title(self) -> str:
        """The set, and how it was scored."""
        return f"{self.key} ({', '.join(filter(None, (self.numbers['protocol'], self._backend)))})"

    @property
    def items(self) -> tuple[bool, int]:
        """(are they the whole set?, pairs)"""
        return (not self.numbers.get("subset", False), sum(row["n"] for row in self.numbers["paradigms"].values()))

    @cached_property
    def decisions(self) -> Decisions:
        """What was compared and who won, pair by pair; `DamagedFileError` when the file with them is not as it was written."""
        if self.measured is not None:
            return Decisions.of(self.measured.predictions())
        assert self.stored is not None
        file = self.stored.with_name(f"{self.stored.stem}_predictions.jsonl")
        try:
            return Decisions.of(json.loads(line) for line in read_text(file).splitlines())
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise DamagedFileError(f"{file} is damaged: {error}. Remove {self.stored} and evaluate again.") from error

    def score(self) -> Score:
        """Accuracy in per cent."""
        found = self.numbers
        low, high = 100 * found["accuracy_low"], 100 * found["accuracy_high"]
        return Score(100 * found["accuracy"], low, high, self.items[1], found["ties"], 50.0)

    def headline(self) -> list[Measure]:
        """Accuracy, with the protocol it was scored under."""
        numbers = self.numbers
        title, protocol = pair_set_title(numbers), numbers["protocol"]
        rows = numbers["paradigms"].values()
        pairs, ties = sum(row["n"] for row in rows), sum(row["ties"] for row in rows)
        way = f", backend `{self._backend}`" if self._backend else ""
        label = f"minimal pairs {markdown(title)}; protocol `{protocol}`{way}, {len(rows)} paradigms, {pairs:,} pairs, {ties} ties"
        published = {
            "task_type": "text-generation",
            "task_name": "minimal pairs",
            # The Hub joins results of one dataset type under one name, so every part of a set has its own.
            "dataset_type": "nyu-mll/blimp" if title == "BLiMP" else title.lower().replace(",", "").replace(" ", "-"),
            "dataset_name": title,
            "metric_type": "accuracy",
            "metric_name": f"accuracy, protocol {protocol}",
            "metric_value": round(100 * numbers["accuracy"], 2),
        }
        return [Measure(label, f"{100 * numbers['accuracy']:.2f} %", published)]

    def tables(self, *, details: bool = False) -> list[Table]:
        """By field and term (with `details` by paradigm); whether length decides."""
        return pair_tables(self.numbers, paradigms=details)

    def card_tables(self) -> list[Table]:
        """Of a whole set: accuracy by linguistic term (phenomenon)."""
        return [phenomenon_table(self.numbers, pair_set_title(self.numbers))] if self._whole else []

    def limits(self) -> list[str]:
        """The phenomena of a whole set in which the model is not above chance."""
        weak = [name for name, row in self._terms.items() if row["low"] is not None and row["low"] <= 0.5]
        if not self._whole or not weak:
            return []
        title, protocol = markdown(pair_set_title(self.numbers)), self.numbers["protocol"]
        names = ", ".join(markdown(name.replace("_", " ")) for name in weak)
        return [
            f"{title} (protocol `{protocol}`): not above chance (50 % lies in or above the 95 % interval) in {len(weak)} of "
            f"{len(self._terms)} phenomena: {names}."
        ]

    @property
    def _terms(self) -> dict[str, Any]:
        """Phenomenon -> its numbers; none in results of older versions."""
        terms: dict[str, Any] = self.numbers.get("terms", {})
        return terms

    @property
    def _backend(self) -> str | None:
        """The one that was asked for."""
        return self.numbers.get("scoring", {}).get("backend")

    @property
    def _whole(self) -> bool:
        return bool(self._terms) and not self.numbers.get("subset", False)

    def curve(self) -> dict[str, float]:
        """Accuracy and number of pairs."""
        return {
            "pairs": sum(row["n"] for row in self.numbers["paradigms"].values()),
            "accuracy": self.numbers["accuracy"],
        }

    def in_one_line(self) -> str:
        """Accuracy in per cent."""
        return f"{self.numbers['accuracy']:.1%} of {self.curve()['pairs']:,} minimal pairs"

    def bars(self) -> Bars:
        """Accuracy by linguistic term."""
        return accuracy_bars(self.numbers)

    def files(self, stem: str) -> dict[str, Iterable[str]]:
        """A table of paradigms, every decision, and the decisions as the BabyLM pipelines write them."""
        found = self.measured
        return {
            f"{stem}.csv": [found.to_csv()],
            f"{stem}_predictions.jsonl": (json.dumps(row, ensure_ascii=False) + "\n" for row in found.predictions()),
            f"official/{stem}_predictions.json": [json.dumps(found.official_predictions(), ensure_ascii=False)],
        }

    def notes(self) -> list[str]:
        """Missing paradigms, scores that are no numbers, long sentences, the second pass."""
        return self.measured.notes() if self.measured is not None else []

    @classmethod
    def compare(cls, models: Sequence[str], results: Sequence[MinimalPairsResult]) -> dict[str, Any]:
        """Accuracies side by side, and every later model against the first, pair by pair."""
        return compare_minimal_pairs(
            models, [result.numbers for result in results], [result.decisions for result in results]
        )

    @classmethod
    def comparison_tables(cls, key: str, compared: Any) -> list[Table]:
        """Accuracy by term and model, and the differences that a paired test supports."""
        return comparison_tables(key, compared)

    @classmethod
    def heat_map(cls, key: str, compared: Any) -> tuple[Bars, ...]:
        """Accuracy by term, a column for each model."""
        return accuracies_side_by_side(key, compared)

    @classmethod
    def differences(cls, key: str, compared: Any) -> tuple[Bars, ...]:
        """Points of accuracy by paradigm, one for each later model."""
        return difference_bars(compared)


class MinimalPairsTask(Task):
    """Does the model give the acceptable sentence the higher score?"""

    name = "blimp"
    title = "minimal pairs: BLiMP, or others in --blimp-data"
    Settings = MinimalPairsSettings
    result = MinimalPairsResult
    places = ("blimp_data", "pair_format", "good_column", "bad_column", "group_column")
    curve_columns = ("pairs", "accuracy")
    reads_before_training = True
    settings: MinimalPairsSettings

    @classmethod
    def configured(cls, config: Config) -> dict[str, Any]:
        """As the section `evaluation` says."""
        evaluation = config.evaluation
        return {
            **super().configured(config),
            "blimp_data": evaluation.blimp_data,
            "protocol": evaluation.protocol,
            "pairs_per_paradigm": evaluation.pairs_per_paradigm,
        }

    def deciding(self) -> dict[str, Any]:
        """Results from before there was a choice of `backend` are those of `auto`."""
        found = super().deciding()
        return found if self.settings.backend != "auto" else {k: v for k, v in found.items() if k != "backend"}

    def data(self, place: ModelPlace | None) -> TaskData:
        """The pairs, or the part of them that the settings ask for."""
        ours = self.settings
        columns = {"good": ours.good_column, "bad": ours.bad_column, "group": ours.group_column}
        pairs = read_pairs(self._source(place), ours.pair_format, **columns)
        if ours.pairs_per_paradigm is not None:
            pairs = pairs.subset(ours.pairs_per_paradigm, ours.seed)
        return TaskData(pairs, {"pairs": pairs.fingerprint}, pairs.source)

    def _source(self, place: ModelPlace | None) -> str | Path:
        if self.settings.blimp_data is not None:
            return self.settings.blimp_data
        if place is not None and place.run is not None and place.run.config.is_file():
            run = Run(place.run.root)
            own = run.config.evaluation.blimp_data
            if own is not None:
                return run.resolve(own)
        try:
            return default_pair_folder()
        except DataError as error:
            raise NoData(str(error)) from error

    def result_name(self, data: TaskData, folder: Path) -> str:
        """The set's name, with what makes it another result: protocol, metric, and how much of the set it is of."""
        pairs: PairSet = data.content
        name = [pairs.name]
        name += [self.settings.protocol] if self.settings.protocol != DEFAULT_PROTOCOL else []
        name += [self.settings.masked_metric] if self.settings.masked_metric != "original" else []
        name += [self.settings.backend] if self.settings.backend != "auto" else []
        if self.settings.pairs_per_paradigm is not None:
            return result_name(*name, f"{self.settings.pairs_per_paradigm}_per_paradigm")
        stem = result_name(*name)
        # A folder that holds a part of a set does not replace the result of the whole.
        whole = holds_whole_set(folder / f"{stem}.json")
        return result_name(stem, f"{len(pairs.pairs)}_pairs") if whole and pairs.is_part else stem

    def score(self, loaded: LoadedModel, data: TaskData, progress: Progress | None = None) -> MinimalPairsResult:
        """Score every pair; with dtype auto a bf16 pass comes first where the hardware computes bf16."""
        from babyllama.evaluation.pair_scoring import score_minimal_pairs

        ours = self.settings
        return MinimalPairsResult.of(
            score_minimal_pairs(
                loaded,
                data.content,
                protocol=ours.protocol,
                seed=ours.seed,
                dtype=ours.dtype,
                masked_metric=ours.masked_metric,
                backend=ours.backend,
                progress=progress,
            )
        )
