"""Train tokenizers: `babyllama tokenizer` under its historical name.

From Python: train_bpe_tokenizer.
"""

import sys

from babyllama import __getattr__  # noqa: F401  (the historical names, each loaded when it is used)
from babyllama.cli import main

if __name__ == "__main__":
    sys.exit(main(command="tokenizer"))
