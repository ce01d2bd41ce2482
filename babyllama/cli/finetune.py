"""Train a model that is there on prompts with responses, or chats; only the responses are learned.

babyllama finetune --model MODEL --data answers.jsonl          3 passes with the model's tokenizer and context
babyllama finetune --config C                                  as the file says
babyllama finetune --config story-words --model models/TinyStories-laptop     from this run, folder or Hub model
babyllama finetune --config C --data answers.jsonl model.name=answers         on this file, under this name
babyllama finetune --make-prompts STORIES --prompts-dir DIR    prompts that ask for words, from stories

A file has one JSON object a line: {"prompt": "...", "response": "..."} or {"messages": [{"role": "user", "content": "..."}, ...]}.
Packing, resume and records are those of `train`; docs/stories.md has an example from beginning to end.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from babyllama import console
from babyllama.cli import train
from babyllama.cli.options import config_from
from babyllama.errors import ConfigError
from babyllama.runs import locate_model, run_of
from babyllama.settings.starting_weights import context_of

FLAGS = {"model": "model.init_from", "data": "data.train_path", "eval-data": "data.eval_path"}
"""Flags with a value -> the key each one sets."""
LONGEST = 1024
"""Tokens of a block where the model reads more and no configuration says otherwise."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of `train`, the model to begin with, the examples."""
    train.add_arguments(parser)
    parser.add_argument("--model", metavar="MODEL", help="sets model.init_from")
    parser.add_argument("--data", metavar="FILE", help="sets data.train_path")
    parser.add_argument("--eval-data", metavar="FILE", help="sets data.eval_path")
    parser.add_argument(
        "--make-prompts", metavar="PATH", help="write prompts that ask for words of the stories in this file or folder"
    )
    parser.add_argument(
        "--held-out-stories", metavar="PATH", help="of these the held-out prompts (default: a tenth of the stories)"
    )
    parser.add_argument(
        "--prompts-dir", metavar="DIR", default="data/story-words", help="where they go (default: data/story-words)"
    )


def run(args: argparse.Namespace) -> int:
    """Write prompts, or plan, or train."""
    if args.make_prompts:
        from babyllama.finetuning.instructions import write_story_prompts

        for file, count in write_story_prompts(
            args.make_prompts, Path(args.prompts_dir), held_out=args.held_out_stories
        ).items():
            console.say(f"{file}: {count:,} prompts with their stories")
        return 0
    as_instructions = ("finetune", "data.format", "instructions")
    defaults = None if args.config or args.configuration else defaults_for(args.model, args.data)
    config = config_from(args, [*train.flags_of(args), as_instructions, *train.given(args, FLAGS)], defaults)
    if config.model.init_from is None:
        raise ConfigError("model.init_from is not given: which model shall be trained on? --model names it.")
    if defaults is not None:
        console.say(
            f"{run_of(config)}: {config.model.init_from} trained on {config.data.train_path}, {config.training.num_epochs:g} passes, "
            f"blocks of {config.data.seq_length} tokens, training.lr {config.training.lr:g} (each can be set, as section.key=value)"
        )
    return train.train_or_plan(config, args)


def defaults_for(model: str | None, data: str | None) -> dict[str, Any]:
    """What is taken where no configuration is given: the model's context, three passes, a run named after model and file."""
    if model is None or data is None:
        missing = " and ".join(flag for flag, value in (("--model", model), ("--data", data)) if value is None)
        raise ConfigError(
            f"{missing} missing. Without a configuration finetune needs the model to begin with and a file of examples:\n"
            "  babyllama finetune --model models/NAME --data answers.jsonl\n"
            "or name a configuration with --config, for example --config story-words."
        )
    context = context_of(model)
    name = locate_model(model).name.split("/")
    return {
        "data": {"eval_path": None, **({} if context is None else {"seq_length": min(context, LONGEST)})},
        "model": {"name": "-".join([*name, Path(data).name.split(".")[0]])},
        "training": {"num_epochs": 3, "batch_size": 16},
    }
