"""What a study asks for: its points (one setting of every factor), and the configuration of each run.

    study = read_study("study.yaml")
    for run in study.runs(): print(run.name, run.config.training.lr)

A run is a point with a seed, in a folder of its own below the study's. What runs share (mix, tokenizer, packed text) is made
once: runs that differ in it have paths of their own for it, named by what they are made from.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from babyllama.artifacts import fingerprint_value
from babyllama.config import Config
from babyllama.config.sections import StudySection
from babyllama.config.tables import OBJECTIVES
from babyllama.errors import ConfigError
from babyllama.registry import nearest
from babyllama.settings import Flag, load_config
from babyllama.studies.factors import Level, check_factors, draw, factor_name, levels_of

ONLY_POINT = "recipe"
"""Label of the one point of a study without factors."""
_LONGEST_LABEL = 80


@dataclass(frozen=True)
class Point:
    """One setting of every factor."""

    label: str
    """Names its runs; unique in the study."""
    levels: dict[str, Any]
    """Factor -> what tables show."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Key -> value."""


@dataclass(frozen=True)
class StudyRun:
    """One point with one seed."""

    point: Point
    seed: int
    config: Config

    @property
    def name(self) -> str:
        """Its folder below the study's."""
        return f"{self.point.label}-seed{self.seed}"


@dataclass(frozen=True)
class Study:
    """A study file that was read and checked."""

    path: Path
    base: Config
    """The configuration without any factor applied."""
    overrides: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()

    @property
    def section(self) -> StudySection:
        """The section `study`."""
        assert self.base.study is not None
        return self.base.study

    @property
    def folder(self) -> Path:
        """Runs, results and plots of the study."""
        return Path(self.base.logging.output_dir) / self.section.name

    @property
    def factors(self) -> list[str]:
        """Their names."""
        return [factor_name(one) for one in self.section.factors]

    @property
    def adaptive(self) -> bool:
        """Do later points depend on the results of earlier ones?"""
        return self.section.search == "optuna"

    def points(self) -> list[Point]:
        """All points, in order. ConfigError when two would share a name, or for a search whose points are not known yet."""
        section = self.section
        if section.search == "random":
            return [self.drawn_point(number) for number in range(section.trials)]
        if not section.factors:
            return [Point(ONLY_POINT, {}, {})]
        levels = [levels_of(one) for one in section.factors]
        rows: Iterable[Sequence[Level]] = itertools.product(*levels)
        if section.search == "list":
            if len({len(one) for one in levels}) > 1:
                counts = ", ".join(f"{name}: {len(one)}" for name, one in zip(self.factors, levels, strict=True))
                raise ConfigError(f"{self.path}: study.search: list takes the factors side by side, which needs as many "
                                  f"values of each ({counts}); or write search: grid.")  # fmt: skip
            rows = zip(*levels, strict=True)
        points = [_point(self.factors, row) for row in rows]
        self._refuse_shared_names(points)
        return points

    def drawn_point(self, number: int) -> Point:
        """The point of trial `number` (from 0) of a random search: the same for the same `search_seed` and factors."""
        rng = np.random.default_rng([self.section.search_seed, number])
        drawn = {factor_name(one): draw(one, rng) for one in self.section.factors}
        return self.trial_point(number, drawn)

    def trial_point(self, number: int, levels: dict[str, Any]) -> Point:
        """The point of a trial that set each factor to a value, or to the name of a level."""
        settings: dict[str, Any] = {}
        for one in self.section.factors:
            value = levels[factor_name(one)]
            settings |= one.levels[value] if one.levels else {one.key or "": value}
        return Point(f"trial-{number:03}", levels, settings)

    def run(self, point: Point, seed: int) -> StudyRun:
        """The run of `point` with `seed`; ConfigError for keys and values that no run can have."""
        where = f"{self.path}: study.factors, {point.label}:"
        flags: list[Flag] = [(f"{where} {key} =", key, value) for key, value in point.settings.items()]
        config = load_config(self.path, self.overrides, flags, self.plugins)
        name = f"{self.section.name}/{point.label}-seed{seed}"
        training = config.training.model_copy(update={"seed": seed})
        model = config.model.model_copy(update={"name": name})
        evaluation = config.evaluation
        if evaluation.seed is None:
            evaluation = evaluation.model_copy(update={"seed": self.section.seeds[0]})
        made = {"study": None, "training": training, "model": model, "evaluation": evaluation}
        config = config.model_copy(update=made)
        return StudyRun(point, seed, self._with_own_places(config))

    def runs_of(self, point: Point) -> list[StudyRun]:
        """The runs of `point`, one a seed."""
        return [self.run(point, seed) for seed in self.section.seeds]

    def runs(self) -> list[StudyRun]:
        """Every run, all points with the first seed before the second seed: a study cut short has compared all points."""
        first = {point.label: self.run(point, self.section.seeds[0]) for point in self.points()}
        runs = list(first.values())
        for seed in self.section.seeds[1:]:
            runs += [_with_seed(one, seed, self.section.name) for one in first.values()]
        return runs[: self.section.max_runs]

    def tokenizer_config(self) -> Config | None:
        """The configuration whose preparation trains the one tokenizer of all runs; None where runs have their own."""
        if not self.section.one_tokenizer or self.base.tokenizer is None:
            return None
        point = self.drawn_point(0) if self.adaptive else self.points()[0]
        config = self.run(point, self.section.seeds[0]).config
        return config.model_copy(update={"tokenizer": self.base.tokenizer})

    def _with_own_places(self, config: Config) -> Config:
        """`config` with paths of its own for a mix and a tokenizer that are not those of the base."""
        base, data = self.base, config.data
        if config.mixing is not None and config.mixing != base.mixing:
            mark = fingerprint_value(config.mixing.model_dump(mode="json"))[7:15]
            before, folder = Path(data.train_path), self.folder / "text" / mark
            changed = {"train_path": str(folder / (before.name if before.suffix == ".train" else "mix.train"))}
            inside = before.parent if before.suffix == ".train" else before
            if data.eval_path is not None and Path(data.eval_path).parent == inside:
                changed["eval_path"] = str(folder / Path(changed["train_path"]).with_suffix(".dev").name)
            data = data.model_copy(update=changed)
        tokenizer = config.tokenizer
        if self.section.one_tokenizer and tokenizer is not None:
            data = data.model_copy(update={"tokenizer_path": str(self.folder / "tokenizer.json")})
            tokenizer = None
        elif tokenizer is not None:
            made_of = [_tokenizer_facts(one, one_data) for one, one_data in ((config, data), (base, base.data))]
            if made_of[0] != made_of[1]:
                mark = fingerprint_value(made_of[0])[7:15]
                data = data.model_copy(update={"tokenizer_path": str(self.folder / "tokenizers" / f"{mark}.json")})
        return config.model_copy(update={"data": data, "tokenizer": tokenizer})

    def _where(self, index: int) -> str:
        return f"{self.path}: study.factors[{index}] ({self.factors[index]})"

    def _refuse_shared_names(self, points: Sequence[Point]) -> None:
        by_label: dict[str, Point] = {}
        for point in points:
            other = by_label.setdefault(point.label.lower(), point)
            if other is not point:
                raise ConfigError(
                    f"{self.path}: two points of the study would share the name {point.label!r} ({other.levels} and {point.levels}), "
                    "and their runs one folder. Remove one, or use `levels`, which have names."
                )

    def reference(self, labels: Sequence[str]) -> str:
        """The point that others are compared with. ConfigError when the study names one that is not there."""
        asked = self.section.reference
        if asked is None or asked in labels:
            return asked or labels[0]
        best = nearest(asked, labels)
        raise ConfigError(
            f"{self.path}: study.reference = {asked!r} is no point of the study"
            + (f"; did you mean {best!r}?" if best else f"; they are: {', '.join(labels)}.")
        )


def read_study(path: str | Path, overrides: Sequence[str] = (), plugins: Sequence[str] = ()) -> Study:
    """The study in `path`, checked as far as that goes without its points."""
    from babyllama.config.shipped import locate

    path = locate(Path(path))
    base = load_config(path, overrides, plugins=plugins)
    if base.study is None:
        raise ConfigError(f"{path}: has no `study:` section, so there is nothing to vary (train makes its one run).")
    study = Study(path, base, tuple(overrides), tuple(plugins))
    check_factors(base.study, str(path))
    if not study.adaptive:
        study.reference([point.label for point in study.points()])
    return study


def _point(names: Sequence[str], row: Sequence[Level]) -> Point:
    label = "_".join(level.label for level in row)
    if len(label) > _LONGEST_LABEL:
        label = f"{label[:_LONGEST_LABEL]}-{fingerprint_value([level.label for level in row])[7:13]}"
    settings: dict[str, Any] = {}
    for level in row:
        settings |= level.settings
    return Point(label, {name: level.shown for name, level in zip(names, row, strict=True)}, settings)


def _with_seed(run: StudyRun, seed: int, study: str) -> StudyRun:
    config = run.config
    training = config.training.model_copy(update={"seed": seed})
    model = config.model.model_copy(update={"name": f"{study}/{run.point.label}-seed{seed}"})
    return StudyRun(run.point, seed, config.model_copy(update={"training": training, "model": model}))


def _tokenizer_facts(config: Config, data: Any) -> Any:
    section = config.tokenizer.model_dump(mode="json") if config.tokenizer else None
    asked = config.tokenizer.mask_token if config.tokenizer else False
    masked = OBJECTIVES.get(config.training.objective).hides_tokens if asked is None else asked
    return [section, data.train_path, masked]
