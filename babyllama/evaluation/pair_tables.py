"""Results on minimal pairs as tables: by field, term and paradigm, by length, and models side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from babyllama.evaluation.results import Table
from babyllama.evaluation.statistics import wilson
from babyllama.text import markdown, percent

_COLUMNS = ("accuracy %", "95 % interval", "pairs", "ties")


def pair_tables(numbers: Mapping[str, Any], *, paradigms: bool = False) -> list[Table]:
    """The table by field and term (and paradigm), the length-bias table, and the averages."""
    rows: list[Sequence[str]] = []
    bold = set()
    by_field: dict[str, dict[str, list[str]]] = {}
    for uid, row in numbers["paradigms"].items():
        by_field.setdefault(row["field"], {}).setdefault(row["term"], []).append(uid)
    for field, terms in by_field.items():
        bold.add(len(rows))
        rows.append(_cells(field, numbers["fields"][field]))
        for term, uids in terms.items():
            found = [numbers["paradigms"][uid] for uid in uids]
            if term != field:
                rows.append(_cells(f"  {term}", _joined(found)))
            if paradigms and uids != [term]:
                rows += [_cells(f"    {uid}", row) for uid, row in zip(uids, found, strict=True)]
    title = (
        f"{numbers['set']}: {percent(numbers['accuracy'], 2)} % over {numbers['average_of']} (95 % interval "
        f"{percent(numbers['accuracy_low'], 2)} to {percent(numbers['accuracy_high'], 2)})"
    )
    counts = (
        f"{numbers['n']:,} pairs, protocol {numbers['protocol']}, {numbers['ties']} ties, {numbers['nan']} not a number"
    )
    lengths = (("good_longer", "longer"), ("equal", "equal"), ("good_shorter", "shorter"))
    bias = [_cells(f"good sentence {label}", numbers["length_bias"][key]) for key, label in lengths]
    return [
        Table(title, _COLUMNS, rows, frozenset(bold), above=(counts, "")),
        Table("does length decide? (in tokens)", _COLUMNS, bias, below=("", _averages(numbers))),
    ]


def phenomenon_table(numbers: Mapping[str, Any], title: str) -> Table:
    """Accuracy by linguistic term, in Markdown, worst last."""
    rows = sorted(numbers["terms"].items(), key=lambda item: -item[1]["accuracy"])
    cells = [[markdown(name.replace("_", " ")), *_cells(name, row)[1:]] for name, row in rows]
    title = f"{markdown(title)} by phenomenon, protocol `{numbers['protocol']}`"
    return Table(title, _COLUMNS, cells, below=(_averages(numbers) + ".",))


def _averages(numbers: Mapping[str, Any]) -> str:
    """The customary averages side by side."""
    text = (
        f"averages, %: over paradigms {percent(numbers['accuracy'], 2)}, over pairs "
        f"{percent(numbers['accuracy_over_pairs'], 2)}, over terms {percent(numbers['accuracy_over_terms'], 2)}"
    )
    if "accuracy_with_ties_as_half" in numbers:
        text += f"; over paradigms with each tie as one half {percent(numbers['accuracy_with_ties_as_half'], 2)}"
    return text


def comparison_tables(key: str, compared: Mapping[str, Any]) -> list[Table]:
    """Models side by side on one set, and for each test the paradigms whose difference is supported, largest first."""
    models = compared["models"]
    rows = [[term, *(percent(model["terms"][term], 2) for model in models)] for term in models[0]["terms"]]
    rows.append(["mean over paradigms", *(percent(model["accuracy"], 2) for model in models)])
    intervals = (f"{percent(model['interval'][0])}-{percent(model['interval'][1])}" for model in models)
    rows.append(["95 % interval", *intervals])
    title = f"{key}: accuracy %, {compared['n']:,} pairs, protocol {compared['protocol']}"
    table = Table(title, model_headings([model["model"] for model in models]), rows, frozenset({len(rows) - 2}))
    return [table, *map(_test_table, compared["tests"])]


def model_headings(models: Sequence[str]) -> list[str]:
    """Short names for columns: checkpoints of one run without its name, in words that may stand below one another."""
    if len({model.split("/")[0] for model in models}) > 1 or len(set(models)) < 2:
        return list(models)
    within = [model.split("/", 1)[1] if "/" in model else "final" for model in models]
    return [name.replace("checkpoint-", "step ") for name in within]


def _test_table(test: Mapping[str, Any]) -> Table:
    supported = {uid: row for uid, row in test["paradigms"].items() if row["supported"]}
    overall = test["overall"]
    title = (
        f"{test['second']} against {test['first']}: right where the other is wrong in {overall['only_second']:,} pairs, "
        f"wrong where it is right in {overall['only_first']:,} (McNemar p = {overall['p']:.2g})"
    )
    line = f"differences supported in {len(supported)} of {len(test['paradigms'])} paradigms (McNemar, Holm-corrected p < 0.05)"
    ordered = sorted(supported.items(), key=lambda item: -abs(item[1]["difference"]))
    rows = [(uid, f"{100 * row['difference']:+.2f}", f"{row['p_corrected']:.2g}") for uid, row in ordered]
    return Table(title, ("difference", "corrected p"), rows, above=(line,))


def _cells(name: str, row: Mapping[str, Any]) -> Sequence[str]:
    if not row["n"]:
        return name, "-", "", "0", "0"
    interval = f"{percent(row['low'])}-{percent(row['high'])}"
    return name, percent(row["accuracy"], 2), interval, f"{row['n']:,}", str(row["ties"])


def _joined(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Numbers of several paradigms together, counted over their pairs."""
    n = sum(row["n"] for row in rows)
    correct = sum(round(row["accuracy"] * row["n"]) for row in rows)
    low, high = wilson(correct, n)
    return {"accuracy": correct / n, "n": n, "ties": sum(row["ties"] for row in rows), "low": low, "high": high}
