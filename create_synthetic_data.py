"""Write synthetic text and minimal pairs: `babyllama synthesize` under its historical name."""

import sys

from babyllama.cli import main

if __name__ == "__main__":
    sys.exit(main(command="synthesize"))
