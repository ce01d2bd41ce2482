"""Train a model from a configuration: `babyllama train` under its historical name.

From Python: create_model, load_config, train_model.
"""

import sys

from babyllama import __getattr__  # noqa: F401  (the historical names, each loaded when it is used)
from babyllama.cli import main

if __name__ == "__main__":
    sys.exit(main(command="train"))
