"""Lint, format check, types and tests: what CI runs, and parts of it.

  python run_tests.py                 everything CI runs
  python run_tests.py --smoke         the fastest tests only: does it import, does a config load?
  python run_tests.py --unit          one room at a time
  python run_tests.py --integration   several rooms on a tiny real world
  python run_tests.py --coverage      all tests, with coverage of the package
  python run_tests.py --no-lint       tests without ruff and mypy
Further arguments go to pytest: python run_tests.py --no-lint -k tokenizer
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LINT = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))


def main() -> int:
    """Run what the flags ask for; the exit code is that of the first step that fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag in ("smoke", "unit", "integration", "coverage", "no-lint", "lint-only"):
        parser.add_argument(f"--{flag}", action="store_true")
    args, passed_on = parser.parse_known_args()

    steps = [] if args.no_lint or args.smoke else [[sys.executable, "-m", *step] for step in LINT]
    if not args.lint_only:
        steps.append([sys.executable, "-m", "pytest", *_selection(args), *passed_on])
    for step in steps:
        print("$", " ".join(step[2:]), flush=True)
        began = time.monotonic()
        code = subprocess.run(step, cwd=ROOT, env=_environment(), check=False).returncode
        print(f"  {time.monotonic() - began:.0f} s", flush=True)
        if code:
            return code
    return 0


def _selection(args: argparse.Namespace) -> list[str]:
    """pytest's arguments for the flags; two workers, since the smallest machine that runs this has two cores."""
    if args.smoke:
        return [
            "-m",
            "unit and not slow",
            "-x",
            "-q",
            "tests/settings/test_loading.py",
            "tests/test_cli.py",
            "tests/test_api.py",
        ]
    chosen = [marker for marker in ("unit", "integration") if getattr(args, marker)]
    selection = ["-n", "2", "--dist", "worksteal"]
    selection += ["-m", " or ".join(chosen)] if chosen else []
    return selection + (["--cov=babyllama", "--cov-report=term-missing"] if args.coverage else [])


def _environment() -> dict[str, str]:
    """One thread per worker, and no way to the network."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
    }


if __name__ == "__main__":
    sys.exit(main())
