"""BabyLlama: train small language models from scratch, from raw text to a scored Hugging Face model."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "BabyLlamaError": "babyllama.errors",
    "BenchmarkSuite": "babyllama.api",
    "DataProcessor": "babyllama.api",
    "DomainCleaners": "babyllama.api",
    "ModelEvaluator": "babyllama.api",
    "compare_architectures": "babyllama.studies.templates",
    "compare_models": "babyllama.api",
    "create_cleaner_registry": "babyllama.api",
    "create_model": "babyllama.api",
    "distill_knowledge": "babyllama.api",
    "evaluate_model": "babyllama.api",
    "load_config": "babyllama.api",
    "plot_scaling_laws": "babyllama.studies.templates",
    "predict": "babyllama.api",
    "train_bpe_tokenizer": "babyllama.api",
    "train_model": "babyllama.api",
}
"""Public name -> the module it lives in; loaded when it is used, so that `--help` never waits for torch."""

__all__ = [*sorted(_HOMES), "__version__"]


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'babyllama' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
