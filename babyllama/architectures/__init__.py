"""Registry of model families: configuration -> Hugging Face model; sizes without weights.

A new family is one file here and one line of `babyllama.config.tables.FAMILIES`.
"""

from babyllama.architectures.registry import build_config, build_model, families, family, parameter_counts

__all__ = ["build_config", "build_model", "families", "family", "parameter_counts"]
