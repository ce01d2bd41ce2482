"""Model families: configuration -> Hugging Face model; sizes without weights.

A new family is one file here and one line of `babyllama.config.tables.FAMILIES`.
"""

from babyllama.architectures.building import build_config, build_model, families, family, parameter_counts
from babyllama.architectures.family import Family, Layout, SpecialIds

__all__ = [
    "Family",
    "Layout",
    "SpecialIds",
    "build_config",
    "build_model",
    "families",
    "family",
    "parameter_counts",
]
