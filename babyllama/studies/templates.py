"""Studies of a few lines of Python: models side by side, and a power law over models one has."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from babyllama.errors import EvaluationError
from babyllama.evaluation.results import Table
from babyllama.reporting.figures import new_figure, plain, save_figure, styled
from babyllama.studies.power_law import PowerLaw, fit_power_law
from babyllama.text import duration, short_count, significant

PathLike = str | os.PathLike[str]


def compare_architectures(
    results: Mapping[str, Mapping[str, Any]], path: PathLike | None = None
) -> list[dict[str, Any]]:
    """Print a table of models, `{name: what evaluate_model gave}`, and return its rows; with `path`, draw it there.

    A row has the model's name and every single number of its metrics: parameters, perplexity, bits per byte, accuracies
    (fractions), training time (seconds). EvaluationError when there is nothing to compare.
    """
    if not results:
        raise EvaluationError("compare_architectures: no results given; give {name: evaluate_model(path), ...}.")
    numbers = {name: _numbers(metrics) for name, metrics in results.items()}
    columns = list(dict.fromkeys(key for row in numbers.values() for key in row))
    shown = [[name, *(_cell(key, row.get(key)) for key in columns)] for name, row in numbers.items()]
    rows: list[dict[str, Any]] = [{"model": name, **row} for name, row in numbers.items()]
    _print(Table("architectures side by side", [name.replace("_", " ") for name in columns], shown))
    if path is not None:
        _draw_rows(rows, [name for name in columns if name != "parameters"], Path(path))
    return rows


def plot_scaling_laws(
    results: Sequence[Mapping[str, Any]], path: PathLike = "scaling_laws.png"
) -> dict[str, PowerLaw | None]:
    """Fit and draw how the loss (ln of the perplexity) and the training time depend on the parameters.

    `results` are rows with "parameters", "perplexity" and, if known, "training_time". Returns the two power laws with their
    intervals (None where there is nothing to fit) and prints them with what they do not tell: sizes that do not span a decade,
    too few runs. EvaluationError when no two sizes have a perplexity.
    """
    sizes = [float(row["parameters"]) for row in results]
    losses = [math.log(one) if (one := _number(row.get("perplexity"))) and one > 1 else math.nan for row in results]
    times = [_number(row.get("training_time")) or math.nan for row in results]
    law = fit_power_law(sizes, losses)
    if law is None:
        raise EvaluationError("plot_scaling_laws: needs the perplexity of models of at least two different sizes.")
    laws = {"loss": law, "training_time": fit_power_law(sizes, times)}
    rows = [
        [short_count(size), significant(math.exp(loss)), f"{loss:.4f}", "-" if math.isnan(time) else duration(time)]
        for size, loss, time in zip(sizes, losses, times, strict=True)
    ]
    below = [law.text(), *law.warnings()]
    time_law = laws["training_time"]
    if time_law is not None:
        below.append(f"training time grows as N^{-time_law.exponent:.2f}")
    _print(Table("scaling", ("perplexity", "loss", "training time"), rows, below=below))
    from babyllama.studies.plots import law_figure

    known = [(size, loss) for size, loss in zip(sizes, losses, strict=True) if not math.isnan(loss)]
    figure = law_figure(
        [x for x, _ in known], [y for _, y in known], law, "loss, nats per token (ln of the perplexity)"
    )
    save_figure(figure, Path(path))
    return laws


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    return {key: _number(value) for key, value in metrics.items() if value is None or _is_number(value)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any) -> float | None:
    return float(value) if _is_number(value) and math.isfinite(value) else None


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name == "training_time":
        return duration(value)
    return f"{100 * value:.2f} %" if 0 < value < 1 and "bits" not in name else significant(value)


def _print(table: Table) -> None:
    from babyllama.reporting.terminal import print_tables

    print_tables([table])


@styled
def _draw_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], path: Path) -> None:
    figure, first = new_figure(3.4 * max(1, len(columns)), 3.4)
    figure.delaxes(first)
    for place, name in enumerate(columns, 1):
        axes = figure.add_subplot(1, len(columns), place)
        values = [row.get(name) for row in rows]
        axes.bar(
            [plain(row["model"]) for row in rows], [math.nan if one is None else one for one in values], color="C0"
        )
        axes.set_title(plain(name.replace("_", " ")), loc="left", fontsize=9)
        axes.tick_params(axis="x", rotation=20)
    save_figure(figure, path)
