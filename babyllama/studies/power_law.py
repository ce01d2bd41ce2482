"""A power law: loss = a * N^-b, fitted on logarithms, with its interval; and what cannot be concluded from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DECADE = 10.0
DRAWS = 2000
T_95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 10: 2.228}
"""Two-sided 95 % quantiles of Student's t by degrees of freedom."""


@dataclass(frozen=True)
class PowerLaw:
    """loss = scale * size ** -exponent."""

    scale: float
    exponent: float
    low: float
    high: float
    """95 % interval of the exponent, by Student's t on the residuals of the logarithms; infinite with fewer than three runs."""
    sizes: tuple[float, float]
    """The smallest and the largest size it was fitted on."""
    points: int
    residual: float
    """Standard deviation of the residuals, in per cent of the loss."""
    _middle: float = 0.0
    _spread: float = 1.0

    def __call__(self, size: float | np.ndarray) -> float | np.ndarray:
        """The loss that it gives for `size`."""
        return self.scale * np.asarray(size, dtype=float) ** -self.exponent

    def band(self, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """95 % interval of the line at each size."""
        around = np.log(size) - self._middle
        error = quantile(self.points - 2) * self.residual / 100 * np.sqrt(1 / self.points + around**2 / self._spread)
        middle = np.log(self(size))
        return np.exp(middle - error), np.exp(middle + error)

    @property
    def decades(self) -> float:
        """How many powers of ten the sizes span."""
        return math.log10(self.sizes[1] / self.sizes[0])

    def warnings(self) -> list[str]:
        """What a reader must know before quoting the exponent."""
        found = []
        if self.sizes[1] / self.sizes[0] < DECADE:
            found.append(
                f"the sizes span a factor of {self.sizes[1] / self.sizes[0]:.1f}, less than a decade: a power law, a logarithm and "
                "a straight line fit such data alike, and the exponent says nothing of larger models"
            )
        if self.points < 4:
            found.append(f"{self.points} runs are too few to see whether a power law holds at all")
        return found

    def text(self) -> str:
        """In one line."""
        interval = f"95 % interval {self.low:.3f} to {self.high:.3f}" if math.isfinite(self.low) else "no interval"
        return f"loss = {self.scale:.3g} x N^-{self.exponent:.4f} ({interval}; {self.points} runs, residual {self.residual:.2f} %)"


def fit_power_law(sizes: Sequence[float], losses: Sequence[float]) -> PowerLaw | None:
    """The least-squares line through the logarithms; None when there are fewer than two different sizes.

    Several runs of one size (seeds) each count: their spread is part of the residual. Without an irreducible loss, which so few
    sizes cannot tell from the exponent.
    """
    pairs = [(x, y) for x, y in zip(sizes, losses, strict=True) if x > 0 and y > 0 and math.isfinite(y)]
    if len({x for x, _ in pairs}) < 2:
        return None
    x, y = np.log(np.array(pairs, dtype=float)).T
    middle, spread = float(x.mean()), float(((x - x.mean()) ** 2).sum())
    slope = float(((x - middle) * (y - y.mean())).sum() / spread)
    intercept = float(y.mean() - slope * middle)
    degrees = len(x) - 2
    residual = math.sqrt(float(((y - intercept - slope * x) ** 2).sum()) / degrees) if degrees > 0 else math.nan
    half = quantile(degrees) * residual / math.sqrt(spread) if degrees > 0 else math.inf
    return PowerLaw(
        scale=math.exp(intercept),
        exponent=-slope,
        low=-slope - half,
        high=-slope + half,
        sizes=(math.exp(float(x.min())), math.exp(float(x.max()))),
        points=len(x),
        residual=100 * residual,
        _middle=middle,
        _spread=spread,
    )


def quantile(degrees: int) -> float:
    """Student's t, two-sided 95 %; the normal distribution's above ten degrees with the usual correction."""
    if degrees < 1:
        return math.inf
    return T_95.get(degrees) or 1.96 + 2.4 / degrees
