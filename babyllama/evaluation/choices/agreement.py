"""Do a model's answers agree with people's? The kind of result that WUG gives back."""

from __future__ import annotations

import math
from typing import Any, Self

from babyllama.evaluation.choices.items import ChoiceSet
from babyllama.evaluation.choices.results import OfChoices, first_probability, longer_items
from babyllama.evaluation.choices.scoring import ChoiceScores
from babyllama.evaluation.results import Bars, Measure, Score, Table
from babyllama.evaluation.statistics import spearman, spearman_interval
from babyllama.text import markdown


class AgreementResult(OfChoices):
    """Spearman's correlation of the probability of the first answer with the share of people that gave it."""

    kind = "agreement"
    probabilities = True

    @classmethod
    def of(cls, choices: ChoiceSet, scores: ChoiceScores, facts: dict[str, Any]) -> Self:
        """From scored items; the probability is a soft-max over the answers' summed log-probabilities."""
        model = [first_probability(values) for values in scores.values]
        rho = spearman(model, [float(item.human or 0.0) for item in choices.items])
        low, high = spearman_interval(rho, len(choices.items))
        numbers = {
            "set": choices.name,
            **facts,
            "backend": scores.backend,
            "spearman": None if math.isnan(rho) else rho,
            "spearman_low": None if math.isnan(low) else low,
            "spearman_high": None if math.isnan(high) else high,
            "n": len(choices.items),
            "ties": int(scores.ties.sum()),
            "nan": int(scores.nan.sum()),
            **longer_items(choices, scores),
        }
        return cls(numbers, measured=(choices, scores))

    def score(self) -> Score | None:
        """The correlation times 100; None where a model gives all items the same probability."""
        found = self.numbers
        if found["spearman"] is None:
            return None
        ends = [None if found[name] is None else 100 * found[name] for name in ("spearman_low", "spearman_high")]
        return Score(100 * found["spearman"], ends[0], ends[1], found["n"], found["ties"], 0.0)

    def headline(self) -> list[Measure]:
        """The correlation."""
        label = f"{markdown(self.key)}; Spearman's correlation with people, {self.numbers['n']:,} items"
        return [Measure(label, _number(self.numbers["spearman"]))]

    def tables(self, *, details: bool = False) -> list[Table]:
        """One line."""
        found = self.numbers
        interval = f"{_number(found['spearman_low'])} to {_number(found['spearman_high'])}"
        rows = [(self.key, _number(found["spearman"]), interval, f"{found['n']:,}")]
        return [Table("agreement with people", ("Spearman", "95 % interval", "items"), rows)]

    def curve(self) -> dict[str, float]:
        """The correlation; 0 where there is none."""
        return {"items": self.numbers["n"], "spearman": self.numbers["spearman"] or 0.0}

    def bars(self) -> Bars:
        """The correlation alone."""
        value = 100 * (self.numbers["spearman"] or 0.0)
        name = "Spearman x 100"
        return Bars(f"{self.key}: agreement with people", name, {name: value}, (name, value), chance=0)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
