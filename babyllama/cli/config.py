"""Show configurations and what can stand in them.

babyllama config show config/llama-10M.yaml     the resolved configuration, every default written out
babyllama config suggest --words 2M --minutes 30     a configuration for that much text and time, with its reasons
babyllama config keys                           every key with type, default and meaning
babyllama config families                       the model types
babyllama config schema                         the JSON schema for editors
babyllama config reference                      the same keys as a Markdown page
"""

from __future__ import annotations

import argparse
import json

from babyllama import console
from babyllama.cli.options import config_from
from babyllama.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to show."""
    parser.add_argument("what", choices=("show", "suggest", "keys", "families", "schema", "reference"))
    parser.add_argument("config", nargs="?", metavar="YAML", help="the configuration (for show)")
    parser.add_argument("--words", metavar="AMOUNT", help="suggest: words of training text, for example 2M")
    parser.add_argument("--minutes", type=float, default=30.0, metavar="N", help="suggest: time to train (default: 30)")
    parser.add_argument("--device", default="auto", help="suggest: auto, cpu, cuda, cuda:N or mps (default: auto)")
    parser.add_argument("--text", metavar="PATH", help="suggest: the training text; its words are counted")
    parser.set_defaults(takes_overrides=True)


def run(args: argparse.Namespace) -> int:
    """Print it."""
    if args.what == "suggest":
        return _suggest(args)
    from babyllama import architectures
    from babyllama.config.reference import json_schema, key_table, reference_markdown
    from babyllama.settings import resolved_yaml

    if args.what == "show":
        print(resolved_yaml(config_from(args)), end="")
    elif args.what == "schema":
        print(json.dumps(json_schema(), indent=2))
    elif args.what == "reference":
        print(reference_markdown(), end="")
    elif args.what == "families":
        for family in architectures.families():
            print(f"{family.name:<8} {family.summary}")
    else:
        for key, kind, default, meaning in key_table():
            print(f"{key}  ({kind}; default {default.strip('`')})\n    {meaning}")
    return 0


def _suggest(args: argparse.Namespace) -> int:
    """Print a configuration as YAML; what was tried for it is told as notes."""
    with console.progress("trying a few steps of each size"):
        from babyllama.device import set_threads
        from babyllama.training.suggest import suggest

        set_threads()
        print(suggest(_words(args), args.minutes, device=args.device, text=args.text).to_yaml(), end="")
    console.say("write it into a file, and:  babyllama train --config FILE --dry-run")
    return 0


def _words(args: argparse.Namespace) -> int:
    """How much text there is."""
    from babyllama.config.amounts import parse_amount

    if args.words is not None:
        try:
            amount = parse_amount(args.words)
        except ValueError as error:
            raise ConfigError(f"--words {args.words!r} {error}.") from error
        if amount.unit not in (None, "words"):
            raise ConfigError(f"--words {args.words!r}: give words, for example 2M; --text counts those of a file.")
        return amount.number
    if args.text is None:
        raise ConfigError("how much text is there? --words 2M says it, --text PATH lets it be counted.")
    from babyllama.corpus.reading import corpus_files, read_documents

    return sum(len(document.split()) for document in read_documents(corpus_files(args.text, key="--text")))
