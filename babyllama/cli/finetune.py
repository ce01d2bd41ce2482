"""Train a model that is there on prompts with responses, or chats; only the responses are learned.

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

from babyllama import console
from babyllama.cli import train
from babyllama.cli.options import config_from
from babyllama.errors import ConfigError

FLAGS = {"model": "model.init_from", "data": "data.train_path", "eval-data": "data.eval_path"}
"""Flags with a value -> the key each one sets."""


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
    config = config_from(args, [*train.flags_of(args), as_instructions, *train.given(args, FLAGS)])
    if config.model.init_from is None:
        raise ConfigError("model.init_from is not given: which model shall be trained on? --model names it.")
    return train.train_or_plan(config, args)
