"""Configuration: typed sections, YAML with places, the words for mistakes, the JSON schema."""

from babyllama.config.sections import (
    Config,
    DataSection,
    DistillationSection,
    EvaluationSection,
    LoggingSection,
    MixingSection,
    ModelSection,
    ObjectiveSection,
    OptimizationSection,
    PublishSection,
    SourceSection,
    TokenizerSection,
    TrainingSection,
)

__all__ = [
    "Config",
    "DataSection",
    "DistillationSection",
    "EvaluationSection",
    "LoggingSection",
    "MixingSection",
    "ModelSection",
    "ObjectiveSection",
    "OptimizationSection",
    "PublishSection",
    "SourceSection",
    "TokenizerSection",
    "TrainingSection",
]
