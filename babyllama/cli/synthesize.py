"""Write English-like text from a seeded grammar, with dev text and minimal pairs.

Below the output folder: babylm_10M_clean/synthetic.train, babylm_dev_clean/synthetic.dev and blimp_synthetic/, which is
where the shipped configurations look. The same arguments give the same bytes; what is up to date is kept.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from babyllama.cli.arguments import seed
from babyllama.synthetic import COMPLEXITIES, TRAIN_FOLDER, synthesize


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much text of which kind, and where it goes."""
    parser.add_argument(
        "--num-tokens", type=_count, default=500_000, metavar="N", help="words of training text (default 500,000)"
    )
    parser.add_argument(
        "--complexity",
        default="medium",
        metavar="LEVEL",
        help=f"{', '.join(COMPLEXITIES)}: how many words and structures (default medium)",
    )
    parser.add_argument("--seed", type=seed, default=42, help="other seed, other text (default 42)")
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=Path("data"),
        metavar="DIR",
        help="parent of the three folders (default ./data)",
    )


def run(args: argparse.Namespace) -> int:
    """Write what is missing and say where it lies."""
    report = synthesize(args.output_dir, num_words=args.num_tokens, complexity=args.complexity, seed=args.seed)
    print(
        f"train  {report.words:>13,} words  {report.documents:>9,} documents  {report.size / 1e6:8.1f} MB  {report.train}"
    )
    print(f"dev    {report.dev_words:>13,} words  {report.dev_documents:>9,} documents  {'':8}     {report.dev}")
    print(f"pairs  {report.num_pairs:>13,} pairs  {report.paradigms:>9,} paradigms  {'':8}     {report.pairs}")
    folder = report.train.parent
    default = folder == Path("data") / TRAIN_FOLDER
    print(f"next   python train_tokenizer.py{'' if default else f' --data-dir {folder}'}")
    return 0


def _count(text: str) -> int:
    """A number of words: 500000, 500,000, 500_000 or 5e5."""
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        number = math.nan
    if not number.is_integer():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of words")
    return int(number)
