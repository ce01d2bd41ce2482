"""Registry of model families: configuration -> Hugging Face model; sizes without weights.

A new family is one file that registers itself and one import here.
"""

from babyllama.architectures import gpt2, gptj, llama  # noqa: F401  (importing a family file registers it)
from babyllama.architectures.registry import build_config, build_model, families, family, parameter_counts

__all__ = ["build_config", "build_model", "families", "family", "parameter_counts"]
