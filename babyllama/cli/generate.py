"""Continue a prompt.

babyllama generate MODEL "Once upon a time"
babyllama generate MODEL "Once upon a time" --num-samples 3 --temperature 0.7 --seed 1
babyllama generate MODEL --prompts prompts.txt > continuations.jsonl      one prompt a line, or .jsonl with "prompt"
babyllama generate MODEL --chat                                           a conversation with a fine-tuned model

A single sample is shown as it is drawn, several one after another, plainly; the same seed gives the same samples. Beyond its context
the model goes on with the newer half of what it has read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama import console
from babyllama.cli.arguments import seed
from babyllama.cli.evaluate import add_model_arguments, load
from babyllama.errors import DataError

if TYPE_CHECKING:
    from babyllama.evaluation.models import LoadedModel

SAMPLING = ("max_new_tokens", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the prompt and how to draw."""
    parser.add_argument("model", metavar="MODEL", help="run folder, model folder, checkpoint or Hub name")
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", default=None, help="text to continue")
    parser.add_argument("--prompts", metavar="FILE", help="many prompts: lines of text, or .jsonl; JSON lines come out")
    parser.add_argument("--batch-size", type=int, default=16, metavar="N", help="prompts at a time (default: 16)")
    parser.add_argument("--chat", action="store_true", help="talk with a fine-tuned model, line by line")
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
    parser.add_argument(
        "--min-p",
        type=float,
        default=0.0,
        metavar="P",
        help="leave out what has less than P of the likeliest's (default: 0)",
    )
    parser.add_argument(
        "--repetition-penalty", type=float, default=1.0, metavar="X", help="above 1: repeat less (default: 1, off)"
    )
    parser.add_argument("--num-samples", type=int, default=1, metavar="N", help="how many (default: 1)")
    parser.add_argument("--seed", type=seed, default=42, help="the same seed gives the same samples (default: 42)")
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the samples."""
    from babyllama.runs import locate_model

    prompts = read_prompts(args)
    locate_model(args.model)  # a mistyped path is answered before any model library is imported
    with console.progress("loading"):
        from babyllama.device import set_threads
        from babyllama.evaluation.generation import Sampling, generate, generate_batch

    sampling = {name: getattr(args, name) for name in SAMPLING}
    Sampling(**sampling).check()  # before the prompt is shown
    set_threads()
    loaded = load(args, args.model)
    if args.chat:
        return _talk(loaded, Sampling(**sampling), prompts)
    if args.prompts:
        for text, continuation in zip(
            prompts, generate_batch(loaded, prompts, args.batch_size, **sampling), strict=True
        ):
            print(json.dumps({"prompt": text, "continuation": continuation}, ensure_ascii=False))
    elif args.num_samples == 1:
        console.write(prompts[0])
        generate(loaded, prompts[0], show=console.write, **sampling)
        console.write("\n")
    else:
        print("\n\n".join(generate(loaded, prompts[0], num_samples=args.num_samples, **sampling)))
    return 0


def _talk(loaded: LoadedModel, sampling: Any, first: list[str]) -> int:
    from babyllama.evaluation.chat import Chat

    chat = Chat(loaded, sampling)
    if sys.stdin.isatty():
        console.say("write, and press return; Ctrl-D ends")
    for line in _lines(first):
        chat.ask(line, console.write)
        console.write("\n")
    return 0


def _lines(first: list[str]) -> Iterator[str]:
    """What the user says: PROMPT, if there is one, then line by line until the input ends."""
    yield from first
    while True:
        try:
            line = input("> " if sys.stdin.isatty() else "")
        except EOFError:
            return
        if line.strip():
            yield clean_prompt(line)


def read_prompts(args: argparse.Namespace) -> list[str]:
    """The prompts that are to be continued. DataError for none, for an empty one, and for two ways at once."""
    if args.prompts and (args.prompt is not None or args.chat):
        raise DataError("--prompts stands alone: a PROMPT and --chat are other ways to ask.")
    if args.batch_size < 1:
        raise DataError(f"--batch-size {args.batch_size}: must be at least 1.")
    if args.prompts:
        return _prompts_of(Path(args.prompts))
    if args.prompt is None and args.chat:
        return []
    prompt = clean_prompt(args.prompt or "")
    if not prompt.strip():
        raise DataError('PROMPT is empty: give the text to continue, for example "Once upon a time".')
    return [prompt]


def _prompts_of(path: Path) -> list[str]:
    from babyllama.artifacts import read_text

    try:
        lines = read_text(path).splitlines()
    except FileNotFoundError as error:
        raise DataError(f"--prompts {path}: there is no such file.") from error
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        text: Any = line
        if path.suffix == ".jsonl":
            try:
                text = json.loads(line)["prompt"]
            except (ValueError, LookupError, TypeError) as error:
                raise DataError(f'{path}:{number}: no JSON object with "prompt".') from error
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"{path}:{number}: the prompt is empty; remove the line.")
        found.append(clean_prompt(text))
    if not found:
        raise DataError(f"--prompts {path}: the file holds no prompts.")
    return found


def clean_prompt(prompt: str) -> str:
    """`prompt` without a byte-order mark; DataError when the shell handed over bytes that are no text."""
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"PROMPT is not UTF-8 text (character {error.start + 1}). Type it in a UTF-8 terminal."
        ) from error
    return prompt.removeprefix("\ufeff")
