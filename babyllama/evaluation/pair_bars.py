"""Results on minimal pairs as bars: by term, models side by side, and what differs between two."""

from __future__ import annotations

from typing import Any

from babyllama.evaluation.pair_results import pair_set_title
from babyllama.evaluation.results import Bars

_MEAN = "mean over paradigms"


def accuracy_bars(numbers: dict[str, Any]) -> Bars:
    """Accuracy by linguistic term."""
    groups = numbers.get("terms") or numbers["paradigms"]
    title = f"{pair_set_title(numbers)}: {100 * numbers['accuracy']:.1f} % ({numbers['protocol']})"
    values = {name.replace("_", " "): 100 * row["accuracy"] for name, row in groups.items()}
    bounds = {name.replace("_", " "): (row["low"], row["high"]) for name, row in groups.items() if "low" in row}
    if numbers.get("accuracy_low") is not None:
        bounds[_MEAN] = (numbers["accuracy_low"], numbers["accuracy_high"])
    intervals = {name: (100 * low, 100 * high) for name, (low, high) in bounds.items()}
    mean = (_MEAN, 100 * numbers["accuracy"])
    return Bars(title, "accuracy, %", values, mean, chance=50, intervals=intervals)


def accuracies_side_by_side(key: str, compared: Any) -> tuple[Bars, ...]:
    """Accuracy by term, one for each model."""
    label, title = "accuracy, %", f"{key}, {compared['n']:,} pairs, {compared['protocol']}"
    return tuple(
        Bars(
            f"{title}\n{model['model']}",
            label,
            {term.replace("_", " "): 100 * value for term, value in model["terms"].items()},
            (_MEAN, 100 * model["accuracy"]),
            chance=50,
        )
        for model in compared["models"]
    )


def difference_bars(compared: Any) -> tuple[Bars, ...]:
    """Points of accuracy by paradigm, one for each later model."""
    found = []
    for test in compared["tests"]:
        rows = {uid.replace("_", " "): row for uid, row in test["paradigms"].items()}
        rows[_MEAN] = test["mean"]
        intervals = {name: (100 * row["low"], 100 * row["high"]) for name, row in rows.items()}
        mean = (_MEAN, 100 * rows.pop(_MEAN)["difference"])
        values = {name: 100 * row["difference"] for name, row in rows.items()}
        title = f"difference from {test['first']}\n{test['second']}"
        found.append(Bars(title, "difference in accuracy, points", values, mean, chance=0, intervals=intervals))
    return tuple(found)
