"""Ordinary least squares by formulas, as R and statsmodels write them (`time ~ frequency * length + surprisal`): what a column explains."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from babyllama.errors import EvaluationError

_NAME = r"[^\W\d][\w.]*"
_TERM = re.compile(rf"{_NAME}(\s*[:*]\s*{_NAME})*")
_SQUARE = re.compile(r"\(([^()]*)\)\s*(?:\*\*|\^)\s*2")


@dataclass(frozen=True)
class Formula:
    """A measured column, and products of columns that explain it; there is always an intercept."""

    target: str
    terms: tuple[frozenset[str], ...]

    @classmethod
    def parse(cls, text: str) -> Formula:
        """`y ~ a + b + a:b`, `a * b` for a + b + a:b, `(a + b + c)**2` for them and all products of two. EvaluationError."""
        target, tilde, right = text.partition("~")
        target = target.strip()
        if not tilde or re.fullmatch(_NAME, target) is None:
            raise EvaluationError(
                f"--formula {text!r}: write a column, ~, and what explains it: time ~ length + surprisal."
            )
        terms: dict[frozenset[str], None] = {}
        squares = [square[1] for square in _SQUARE.finditer(right)]
        for square in squares:
            names = [frozenset({name.strip()}) for name in square.split("+")]
            terms |= dict.fromkeys([*names, *(a | b for a, b in combinations(names, 2))])
        for part in filter(None, (part.strip() for part in _SQUARE.sub("", right).split("+"))):
            if _TERM.fullmatch(part) is None:
                raise EvaluationError(
                    f"--formula {text!r}: {part!r} is no term. There are column, a:b, a*b and (a + b)**2, joined by +."
                )
            columns = [name.strip() for name in re.split(r"[:*]", part)]
            if ":" not in part:
                terms |= dict.fromkeys(
                    frozenset(some) for k in range(1, len(columns)) for some in combinations(columns, k)
                )
            terms[frozenset(columns)] = None
        if not terms or any(re.fullmatch(_NAME, name) is None for term in terms for name in term):
            raise EvaluationError(f"--formula {text!r}: nothing, or something without a name, explains {target}.")
        return cls(target, tuple(terms))

    @classmethod
    def with_products(cls, target: str, base: Sequence[str], added: str) -> Formula:
        """`base` with all products of two of them, and `added` by itself: the formulas of the BabyLM reading task."""
        names = [frozenset({name}) for name in base]
        return cls(target, (*names, *(a | b for a, b in combinations(names, 2)), frozenset({added})))

    @property
    def columns(self) -> list[str]:
        """All columns, the measured one first."""
        return list(dict.fromkeys([self.target, *(name for term in self.terms for name in sorted(term))]))

    def without(self, name: str) -> Formula:
        """The same without every term that holds `name`."""
        return Formula(self.target, tuple(term for term in self.terms if name not in term))


@dataclass(frozen=True)
class Explained:
    """What a model with a column explains beyond the one without."""

    rows: int
    """Rows with a number in every column of the larger model; both are fitted to them."""
    without: float
    """R2 of the smaller model."""
    with_it: float
    """R2 of the larger one."""

    @property
    def gain(self) -> float:
        """Part of the rest of the variance that the column explains, in per cent."""
        return 100 * (self.with_it - self.without) / (1 - self.without)

    @property
    def log_likelihood(self) -> float:
        """By how much the log-likelihood of all rows grows (nats; normal errors)."""
        return self.rows / 2 * float(np.log((1 - self.without) / (1 - self.with_it)))


def explained(formula: Formula, table: Mapping[str, np.ndarray], column: str) -> Explained:
    """Fit `formula` with and without the terms of `column` by ordinary least squares. EvaluationError for too few rows."""
    whole = ~np.any([np.isnan(table[name]) for name in formula.columns], axis=0)
    rows, smaller = int(whole.sum()), formula.without(column)
    if rows <= len(formula.terms) + 1:
        raise EvaluationError(
            f"{rows} rows have a number in each of {', '.join(formula.columns)}: too few for {len(formula.terms) + 1} coefficients."
        )

    def fit(part: Formula) -> float:
        products = [np.prod([table[name][whole] for name in sorted(term)], axis=0) for term in part.terms]
        return r_squared(table[formula.target][whole], products)

    return Explained(rows, fit(smaller), fit(formula))


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
