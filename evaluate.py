"""Evaluate models: `babyllama evaluate` under its historical name.

From Python: ModelEvaluator, compare_models, evaluate_model.
"""

import sys
from typing import Any

import babyllama
from babyllama.cli import main

HUGGING_FACE = (
    "load",
    "combine",
    "evaluator",
    "list_evaluation_modules",
    "inspect_evaluation_module",
    "EvaluationModule",
)


def __getattr__(name: str) -> Any:
    """The historical names, each loaded when it is used; those of the package this file hides are told apart."""
    if name in HUGGING_FACE:
        raise ImportError(
            f"evaluate.{name} belongs to Hugging Face's package `evaluate`, which {__file__} hides from scripts that lie or are "
            "started beside it. Move your script to another folder, or start it with `python -P`; ours is "
            "`from babyllama import evaluate_model, ModelEvaluator`."
        )
    return getattr(babyllama, name)


if __name__ == "__main__":
    sys.exit(main(command="evaluate"))
