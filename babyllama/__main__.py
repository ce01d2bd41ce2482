"""`python -m babyllama`, and what the console command runs."""

import sys


def run() -> int:
    """The command; Ctrl-C before it can answer for itself is one word as well."""
    try:
        from babyllama.cli import main

        return main()
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(run())
