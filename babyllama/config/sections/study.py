"""A study: many runs of one configuration that differ in what is studied."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from babyllama.config.types import Count, FolderName, Optional_, Positive, Section, Seed, Text


class FactorSection(Section):
    """One thing that is varied: a key with `values`, a key with a range, or named `levels` that each set several keys."""

    name: Annotated[Text | None, Optional_] = None
    """What tables and plots call it; by default the key."""
    key: Annotated[Text | None, Optional_] = None
    """The key that is varied, as `section.key`."""
    values: Annotated[list[Any] | None, Optional_] = None
    """The values that it takes."""
    low: Annotated[float | None, Optional_] = None
    """Lower end of the range that `random` and `optuna` draw from."""
    high: Annotated[float | None, Optional_] = None
    """Upper end of the range."""
    log: bool = False
    """Draw so that each power of ten is as likely as the next."""
    whole: bool = False
    """Draw whole numbers."""
    levels: Annotated[dict[str, dict[str, Any]] | None, Optional_] = None
    """Name of a level -> the keys that it sets, as `section.key: value`; `{}` leaves the configuration as it is."""


class StudySection(Section):
    """Many runs of this configuration, one for each point of a search and each seed (`babyllama sweep`)."""

    name: FolderName
    """Name of the study, and of its folder below `logging.output_dir`; its runs lie in it."""
    search: Literal["grid", "list", "random", "optuna"] = "grid"
    """`grid`: all combinations; `list`: the first of each factor together, then the second, ...; `random`: `trials` draws;
    `optuna`: `trials` that learn from those before them, stopped early when their held-out loss lags behind."""
    factors: list[FactorSection]
    """What is varied; `[]` makes one recipe with each of the seeds."""
    seeds: Annotated[list[Seed], Field(min_length=1, default_factory=lambda: [42])]
    """Every point is run once with each of these as `training.seed`."""
    trials: Count = 20
    """Points that `random` and `optuna` try."""
    search_seed: Seed = 42
    """Seeds what `random` and `optuna` draw."""
    max_runs: Annotated[Count | None, Optional_] = None
    """Budget: start no more runs than this; null runs all."""
    max_hours: Annotated[Positive | None, Optional_] = None
    """Budget: start no further run after this many hours of this command."""
    target_loss: Annotated[Positive | None, Optional_] = None
    """Start no further run once one has a held-out block loss as low as this (nats per token)."""
    reference: Annotated[Text | None, Optional_] = None
    """The point that others are compared with, by its label; null takes the first one."""
    paradigms: list[Text] = Field(default_factory=list)
    """Paradigms of minimal pairs that get a row of their own in the comparisons."""
    one_tokenizer: bool = False
    """Train one tokenizer, on the text of the first point, for all runs; otherwise each text has its own."""
    power_law: bool = False
    """Fit the held-out loss as a power law of the parameters, and draw it with its 95 % interval."""
