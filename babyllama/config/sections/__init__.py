"""Every key of a configuration, typed; the docstring below a key feeds `--help`, the JSON schema and the docs.

Sections are frozen: a configuration is data, and what a run creates from it is passed along as arguments.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from babyllama.config.sections.data import DataSection, TokenizerSection
from babyllama.config.sections.distillation import DistillationSection
from babyllama.config.sections.evaluation import EvaluationSection
from babyllama.config.sections.logging import LoggingSection
from babyllama.config.sections.mixing import MixingSection, SourceSection
from babyllama.config.sections.model import ModelSection
from babyllama.config.sections.objective import ObjectiveSection
from babyllama.config.sections.optimization import OptimizationSection
from babyllama.config.sections.publish import PublishSection
from babyllama.config.sections.study import FactorSection, StudySection
from babyllama.config.sections.training import TrainingSection
from babyllama.config.types import ModuleName, Optional_, Section

__all__ = [
    "Config",
    "DataSection",
    "DistillationSection",
    "EvaluationSection",
    "FactorSection",
    "LoggingSection",
    "MixingSection",
    "ModelSection",
    "ObjectiveSection",
    "OptimizationSection",
    "PublishSection",
    "SourceSection",
    "StudySection",
    "TokenizerSection",
    "TrainingSection",
]


class Config(Section):
    """One run: text, tokenizer, model, training, evaluation."""

    data: DataSection = DataSection()
    """Which text is read and how it becomes blocks of tokens."""
    model: ModelSection
    """The architecture."""
    training: TrainingSection = TrainingSection()
    """How the model is trained."""
    optimization: OptimizationSection = OptimizationSection()
    """The optimizer, its schedule and regularisation."""
    objective: Annotated[ObjectiveSection | None, Optional_] = None
    """What `training.objective: hybrid` and `masked` hide; absent: the defaults."""
    distillation: Annotated[DistillationSection | None, Optional_] = None
    """The teachers of `training.objective: distillation`."""
    logging: LoggingSection = LoggingSection()
    """Where results go and who is told."""
    tokenizer: Annotated[TokenizerSection | None, Optional_] = None
    """Present: train the tokenizer at `data.tokenizer_path` when none is there."""
    mixing: Annotated[MixingSection | None, Optional_] = None
    """Present: mix sources into `data.train_path` before training."""
    evaluation: EvaluationSection = EvaluationSection()
    """What is evaluated at the end of training."""
    publish: PublishSection = PublishSection()
    """What the model's page on the Hub says beside what the run knows itself."""

    study: Annotated[StudySection | None, Optional_] = None
    """Present: this file is a study, many runs of what else it says (`babyllama sweep`)."""

    @property
    def curves(self) -> dict[str, int]:
        """Task measured while the run trains -> words between two measurements; `training.blimp_every_words` is the old spelling."""
        curves = dict.fromkeys(self.evaluation.curve_tasks, self.evaluation.curve_every_words)
        old = self.training.blimp_every_words
        return curves if old is None else {**curves, "blimp": old}

    plugins: list[ModuleName] = Field(default_factory=list)
    """Modules of your own that register model types, domains, tasks, objectives, optimizers or protocols (docs/contributing.md)."""
