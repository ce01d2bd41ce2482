"""Continue a prompt.

babyllama generate MODEL "Once upon a time"
babyllama generate MODEL "Once upon a time" --num-samples 3 --temperature 0.7 --seed 1

Samples go to stdout, one after another, plainly; the same seed gives the same samples.
"""

from __future__ import annotations

import argparse

from babyllama import console
from babyllama.cli.arguments import seed
from babyllama.cli.evaluate import add_model_arguments, load
from babyllama.errors import DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the prompt and how to draw."""
    parser.add_argument("model", metavar="MODEL", help="run folder, model folder, checkpoint or Hub name")
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", default="", help="text to continue (default: none)")
    parser.add_argument(
        "--max-new-tokens", type=int, default=60, metavar="N", help="longest continuation (default: 60)"
    )
    parser.add_argument(
        "--temperature", type=float, default=0.8, metavar="T", help="0 takes the likeliest (default: 0.8)"
    )
    parser.add_argument(
        "--top-k", type=int, default=50, metavar="K", help="draw from the K likeliest, 0: all (default: 50)"
    )
    parser.add_argument(
        "--top-p", type=float, default=1.0, metavar="P", help="draw from the top P of probability (default: 1)"
    )
    parser.add_argument("--num-samples", type=int, default=1, metavar="N", help="how many (default: 1)")
    parser.add_argument("--seed", type=seed, default=42, help="the same seed gives the same samples (default: 42)")
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the samples."""
    from babyllama.runs import locate_model

    prompt = clean_prompt(args.prompt)
    locate_model(args.model)  # a mistyped path is answered before any model library is imported
    with console.progress("loading"):
        from babyllama.device import set_threads
        from babyllama.evaluation import generate

    set_threads()
    loaded = load(args, args.model)
    samples = generate(
        loaded,
        prompt,
        max_new_tokens=args.max_new_tokens,
        temperature=args.temperature,
        top_k=args.top_k,
        top_p=args.top_p,
        seed=args.seed,
        num_samples=args.num_samples,
    )
    print("\n\n".join(samples))
    return 0


def clean_prompt(prompt: str) -> str:
    """`prompt` without a byte-order mark; DataError when the shell handed over bytes that are no text."""
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"PROMPT is not UTF-8 text (character {error.start + 1}). Type it in a UTF-8 terminal."
        ) from error
    return prompt.removeprefix("\ufeff")
