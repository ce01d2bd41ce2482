"""Look into a model while it reads a text: one HTML page with surprisal, attention and the logit lens.

babyllama inspect models/Llama-10M "The keys to the cabinet are on the table."
babyllama inspect models/Llama-10M "Nobody has ever seen it." --output nobody.html

The page shows the surprisal of each token in colour, the attention of each head, and what each layer would predict.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from babyllama import console
from babyllama.cli.evaluate import add_model_arguments, load
from babyllama.cli.generate import clean_prompt


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the text and the file."""
    parser.add_argument("model", metavar="MODEL", help="run folder, model folder, checkpoint or Hub name")
    parser.add_argument("text", metavar="TEXT", help="a sentence or a paragraph")
    parser.add_argument("--output", metavar="FILE", default="inspect.html", help="the page; default: %(default)s")
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write the page and name it."""
    from babyllama.reporting.report_file import check_output
    from babyllama.runs import locate_model

    output, text = Path(args.output), clean_prompt(args.text)
    check_output(output, (".html", ".htm"))
    locate_model(args.model)  # a mistyped path is answered before any model library is imported
    with console.progress("loading"):
        from babyllama.device import set_threads
        from babyllama.evaluation.inspection import inspect_text
        from babyllama.reporting.inspect_file import save_inspection

    set_threads()
    save_inspection(inspect_text(load(args, args.model), text), output)
    print(output)
    return 0
