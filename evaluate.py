"""Evaluate models: `babyllama evaluate` under its historical name.

From Python: ModelEvaluator, compare_models, evaluate_model.
"""

import sys

from babyllama import __getattr__  # noqa: F401  (the historical names, each loaded when it is used)
from babyllama.cli import main

if __name__ == "__main__":
    sys.exit(main(command="evaluate"))
