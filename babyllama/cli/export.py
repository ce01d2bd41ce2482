"""Write a model in another format: GGUF, which llama.cpp, Ollama and LM Studio run.

babyllama export models/Llama-10M --gguf                    models/Llama-10M/Llama-10M-f32.gguf
babyllama export models/Llama-10M --gguf --type q8_0        a quarter of the size

For Llama, Qwen3 and GPT-2 with a byte-level BPE tokenizer; what was written is read back and compared. Needs the package gguf.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from babyllama.cli.arguments import output_file
from babyllama.errors import ConfigError, RunError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the format, the file."""
    parser.add_argument("model", metavar="MODEL", help="run folder, model folder or checkpoint")
    parser.add_argument("--gguf", action="store_true", help="write GGUF (the one format there is)")
    parser.add_argument(
        "--type",
        choices=("f32", "f16", "bf16", "q8_0"),
        default="f32",
        help="number format of the matrices (default: f32, which changes nothing)",
    )
    parser.add_argument(
        "--output",
        type=output_file,
        metavar="FILE",
        help="the file (default: in the run folder, else in the current one, named after the model)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file")


def run(args: argparse.Namespace) -> int:
    """Write, compare, and name the file."""
    from babyllama import console
    from babyllama.publishing.gguf import export_gguf
    from babyllama.runs import locate_model, read_run
    from babyllama.text import file_size

    if not args.gguf:
        raise ConfigError("say which format: --gguf.")
    place = locate_model(args.model)
    folder = place.run.root if place.run else Path()
    target = Path(args.output) if args.output else folder / f"{place.name.replace('/', '-')}-{args.type}.gguf"
    if target.exists() and not args.overwrite:
        raise RunError(f"{target} is there already; --overwrite replaces it, --output names another file.")
    licence = read_run(place.run).config.publish.license if place.run else None
    export_gguf(place, target, kind=args.type, licence=licence)
    console.say(f"{file_size(target.stat().st_size)}, read back and compared")
    print(target)
    return 0
