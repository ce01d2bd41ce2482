"""A factor of a study: its settings, what is drawn from its range, and what is wrong with it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from babyllama.config.sections import FactorSection, StudySection
from babyllama.errors import ConfigError

OF_THE_STUDY = ("study", "model.name", "training.seed", "logging.output_dir", "plugins")
"""Keys that a study sets itself."""


@dataclass(frozen=True)
class Level:
    """One setting of a factor."""

    label: str
    shown: Any
    """What tables and plots show: the value, or the level's name."""
    settings: dict[str, Any]


def check_factors(section: StudySection, title: str) -> None:
    """Raise ConfigError for factors that say nothing, too much, or what a study sets itself."""
    names = [factor_name(one) for one in section.factors]
    seen: dict[str, str] = {}
    if not names and section.search not in ("grid", "list"):
        raise ConfigError(f"{title}: study.factors is empty, and study.search: {section.search} has nothing to draw.")
    for index, one in enumerate(section.factors):
        where = f"{title}: study.factors[{index}] ({names[index]})"
        ways = [one.values is not None, one.levels is not None, one.low is not None or one.high is not None]
        if sum(ways) != 1:
            raise ConfigError(f"{where}: give exactly one of `values`, `levels`, and `low` with `high`.")
        if (one.levels is None) != (one.key is not None):
            raise ConfigError(f"{where}: `values` and a range need `key`, and `levels` name their keys themselves.")
        if not (one.values if one.levels is None and one.low is None else one.levels or ways[2]):
            raise ConfigError(f"{where}: the list is empty.")
        if ways[2]:
            _check_range(one, where, section.search)
        keys = [one.key] if one.key else [key for level in (one.levels or {}).values() for key in level]
        for key in dict.fromkeys(keys):
            if key in OF_THE_STUDY or key.startswith("study."):
                raise ConfigError(f"{where}: {key} is set by the study itself; vary another key.")
            if key in seen:
                raise ConfigError(f"{where}: {key} is varied by {seen[key]} as well; vary a key once.")
        seen |= dict.fromkeys(keys, where.split(": ", 1)[1])
    if len(set(names)) < len(names):
        raise ConfigError(f"{title}: two factors have one name; give one of them another `name`.")
    if len(set(section.seeds)) < len(section.seeds):
        raise ConfigError(f"{title}: study.seeds names a seed twice, and two runs would share a name.")


def factor_name(factor: FactorSection) -> str:
    """What tables call it: its name, else its key."""
    return (
        factor.name
        or factor.key
        or ", ".join(dict.fromkeys(k for level in (factor.levels or {}).values() for k in level))
    )


def draw(factor: FactorSection, rng: np.random.Generator) -> Any:
    """A value of the factor, or the name of a level."""
    if factor.low is None or factor.high is None:
        choices = list(factor.levels or factor.values or ())
        return choices[int(rng.integers(len(choices)))]
    if factor.log:
        value = math.exp(rng.uniform(math.log(factor.low), math.log(factor.high)))
    else:
        value = rng.uniform(factor.low, factor.high)
    return rounded(factor, value)


def rounded(factor: FactorSection, value: float) -> float | int:
    """`value` as it is written into a configuration: whole, or to four digits; never outside the range."""
    low, high = factor.low or 0.0, factor.high or 0.0
    return int(min(max(round(value), low), high)) if factor.whole else min(max(float(f"{value:.4g}"), low), high)


def _check_range(factor: FactorSection, where: str, search: str) -> None:
    if factor.low is None or factor.high is None or factor.low >= factor.high:
        raise ConfigError(f"{where}: a range needs `low` below `high`.")
    if factor.log and factor.low <= 0:
        raise ConfigError(f"{where}: `log: true` needs `low` above 0.")
    if factor.whole and (factor.low % 1 or factor.high % 1):
        raise ConfigError(f"{where}: `whole: true` needs whole numbers as ends of the range.")
    if search in ("grid", "list"):
        raise ConfigError(f"{where}: search: {search} needs `values` or `levels`; random and optuna draw from a range.")


def levels_of(factor: FactorSection) -> list[Level]:
    """The settings of a factor that has values or levels."""
    if factor.levels:
        return [Level(slug(name), name, settings) for name, settings in factor.levels.items()]
    assert factor.key is not None
    several = [*map(_text, factor.values or ())]
    # A value too long for a name (a list, a section) is called by its number.
    return [
        Level(slug(f"{factor.key.split('.')[-1]}-{text if len(text) <= 30 else number}"), value, {factor.key: value})
        for number, (text, value) in enumerate(zip(several, factor.values or (), strict=True), start=1)
    ]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def slug(text: str) -> str:
    """`text` as part of a folder's name."""
    return re.sub(r"[^\w.+-]+", "-", text).strip("-.") or "x"
