"""Clean, mix and pack corpora: `babyllama clean | mix | prepare` under their historical name.

  python data_utils.py clean ...      python data_utils.py mix ...      python data_utils.py prepare ...

From Python: DataProcessor, DomainCleaners, create_cleaner_registry.
"""

import sys

from babyllama import __getattr__  # noqa: F401  (the historical names, each loaded when it is used)
from babyllama.cli import main

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in ("clean", "mix", "prepare"):
        print(__doc__)
        sys.exit(0 if sys.argv[1:] in ([], ["-h"], ["--help"]) else 2)
    sys.exit(main(sys.argv[2:], command=sys.argv[1]))
