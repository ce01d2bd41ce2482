"""Benchmark models: `babyllama benchmark` under its historical name.

From Python: BenchmarkSuite, compare_models.
"""

import sys

from babyllama import __getattr__  # noqa: F401  (the historical names, each loaded when it is used)
from babyllama.cli import main

if __name__ == "__main__":
    sys.exit(main(command="benchmark"))
