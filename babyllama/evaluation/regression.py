"""Ordinary least squares of a measured time on word properties and their pairwise products: how much does surprisal explain?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from babyllama.errors import EvaluationError


def r_squared(target: np.ndarray, columns: Sequence[np.ndarray]) -> float:
    """Share of the variance of `target` [N] that an intercept and `columns` (each [N]) explain; no value may be missing.

    Columns are centred and scaled first, which changes nothing but the rounding.
    """
    y = target - target.mean()
    scaled = [(column - column.mean()) / (column.std() or 1.0) for column in columns]
    design = np.column_stack([np.ones(len(target)), *scaled])
    fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    total = float(y @ y)
    return 1.0 - float((y - fitted) @ (y - fitted)) / total if total > 0 else float("nan")


def with_products(columns: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The columns and the product of every two of them."""
    return [*columns, *(a * b for a, b in combinations(columns, 2))]


def gain(table: Mapping[str, np.ndarray], target: str, base: Sequence[str], added: str) -> tuple[float, int]:
    """(100 (R2 with `added` - R2 without) / (1 - R2 without), rows) over the rows of `table` where nothing is NaN.

    `base` come with all their pairwise products, `added` by itself; the score of the BabyLM reading task. EvaluationError when
    there are fewer rows than numbers to fit.
    """
    names = [target, *base, added]
    whole = ~np.any([np.isnan(table[name]) for name in names], axis=0)
    rows = int(whole.sum())
    needed = 2 + len(base) + len(base) * (len(base) - 1) // 2
    if rows <= needed:
        raise EvaluationError(
            f"{rows} rows with a number in each of {', '.join(names)}: too few for a regression with {needed} coefficients."
        )
    columns = {name: table[name][whole] for name in names}
    products = with_products([columns[name] for name in base])
    without = r_squared(columns[target], products)
    return 100 * (r_squared(columns[target], [*products, columns[added]]) - without) / (1 - without), rows
