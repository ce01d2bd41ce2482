"""Configuration: typed sections, YAML and overrides, the places of mistakes, the JSON schema."""

from babyllama.config.loading import config_from_values, load_config
from babyllama.config.sections import (
    Config,
    DataSection,
    EvaluationSection,
    LoggingSection,
    MixingSection,
    ModelSection,
    OptimizationSection,
    SourceSection,
    TokenizerSection,
    TrainingSection,
)

__all__ = [
    "Config",
    "DataSection",
    "EvaluationSection",
    "LoggingSection",
    "MixingSection",
    "ModelSection",
    "OptimizationSection",
    "SourceSection",
    "TokenizerSection",
    "TrainingSection",
    "config_from_values",
    "load_config",
]
