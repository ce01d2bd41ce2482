"""Show configurations and what can stand in them.

babyllama config show config/llama-10M.yaml     the resolved configuration, every default written out
babyllama config keys                           every key with type, default and meaning
babyllama config families                       the model types
babyllama config schema                         the JSON schema for editors
babyllama config reference                      the same keys as a Markdown page
"""

from __future__ import annotations

import argparse
import json

from babyllama.cli.options import config_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to show."""
    parser.add_argument("what", choices=("show", "keys", "families", "schema", "reference"))
    parser.add_argument("config", nargs="?", metavar="YAML", help="the configuration (for show)")
    parser.set_defaults(takes_overrides=True)


def run(args: argparse.Namespace) -> int:
    """Print it."""
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
