"""Rows of benchmarks/training.py: a step with teachers, live or cached, and with masked rows, against a causal one.

    python benchmarks/training.py --objectives --config config/babylm-llama-5m.yaml --micro-batch 16

Two teachers of the student's family and depth, wider, have together the given multiple of the student's parameters. All rows live in
one process and take their steps in turns: batch, forward, backward, clipping, optimizer; the step of a cached row is one of an
epoch after the teachers have read the text. A step's time is the time that the process computed where it has one CPU thread (so
that other programs on the machine count less), else the time that passed. Ratios are medians over the rounds, each of two steps that
were taken one shortly after the other; in parentheses the middle half of the rounds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from timed_blocks import TimedBlocks, shared_overrides

MASKED_SHARES = (0.2, 0.5)
WARM_UP = 2
"""Steps of each row before those that count."""


def rows_of(teachers: list[float]) -> list[str]:
    """The names of the rows; what stands behind the @ is a share of masked rows, or a multiple of the student's parameters."""
    with_teachers = [f"{kind}@{multiple:g}" for multiple in teachers for kind in ("live", "cached")]
    return ["causal", *(f"hybrid@{share:g}" for share in MASKED_SHARES), *with_teachers]


def settings_of(row: str, temperature: float) -> list[str]:
    """Overrides of the configuration for a row; teachers come from `write_teachers`."""
    kind, _, number = row.partition("@")
    if kind == "hybrid":
        return ["training.objective=hybrid", f"objective.masked_share={number}"]
    if kind in ("live", "cached"):
        cached = "true" if kind == "cached" else "false"
        own = [f"distillation.cache_teachers={cached}", f"distillation.temperature={temperature}"]
        return ["training.objective=distillation", *own]
    return []


def tokenizer_of(vocabulary: int) -> Any:
    """A tokenizer with so many entries, of which the last is the mask token."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    names = ["<pad>", "<s>", "</s>", *(f"w{number}" for number in range(3, vocabulary - 1)), "<mask>"]
    inner = Tokenizer(models.WordLevel({name: number for number, name in enumerate(names)}, unk_token="<pad>"))
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", bos_token="<s>", eos_token="</s>", mask_token="<mask>"
    )


def write_teachers(config: Any, tokenizer: Any, multiple: float, folder: Path) -> tuple[list[str], float]:
    """(folders of two teachers, their parameters together over the student's); their width is what comes nearest to `multiple`."""
    from babyllama.architectures import build_model, parameter_counts
    from babyllama.training.saving.model_folder import save_model_folder

    section, sizes = config.model, {"vocab_size": len(tokenizer), "seq_length": config.data.seq_length}
    own = parameter_counts(section, **sizes)["total"]

    def teacher(width: int) -> Any:
        inner = None if section.intermediate_size is None else section.intermediate_size * width // section.hidden_size
        return section.model_copy(update={"hidden_size": width, "intermediate_size": inner})

    step = 2 * (section.n_head or 1)
    widths = range(step, 8 * section.hidden_size, step)
    width = min(widths, key=lambda w: abs(2 * parameter_counts(teacher(w), **sizes)["total"] - multiple * own))
    paths = []
    for seed in (1, 2):
        model = build_model(teacher(width), seed=seed, **sizes)
        save_model_folder(folder / f"teacher-{seed}", model.eval(), tokenizer)
        paths.append(str(folder / f"teacher-{seed}"))
    return paths, 2 * parameter_counts(teacher(width), **sizes)["total"] / own


class Student:
    """A model, its objective and its optimizer, for one row."""

    def __init__(self, row: str, arguments: argparse.Namespace, folder: Path) -> None:

        from babyllama.architectures import build_model
        from babyllama.config.tables import OBJECTIVES, OPTIMIZERS
        from babyllama.device import set_threads
        from babyllama.settings import load_config
        from babyllama.training.data.batch_plan import BatchPlan
        from babyllama.training.data.batches import TrainingBlocks
        from babyllama.training.machine import Machine

        overrides = [
            *shared_overrides(arguments, compiled=False),
            f"data.packed_dir={folder / 'packed'}",
            *arguments.override,
        ]
        plain = load_config(arguments.config, overrides)
        set_threads(plain.training.threads)
        vocabulary = plain.model.vocab_size or (plain.tokenizer.vocab_size if plain.tokenizer else 16000)
        tokenizer, self.teachers = tokenizer_of(vocabulary), 0.0
        overrides += settings_of(row, arguments.temperature)
        if row.startswith(("live", "cached")):
            paths, self.teachers = write_teachers(plain, tokenizer, float(row.partition("@")[2]), folder)
            overrides.append(f"distillation.teachers=[{','.join(paths)}]")
        self.config = load_config(arguments.config, overrides)
        self.machine, self.micro_batch = Machine.find(self.config.training), arguments.micro_batch
        length, count = self.config.data.seq_length, arguments.micro_batch * (arguments.rounds + WARM_UP)
        model = build_model(self.config.model, vocab_size=vocabulary, seq_length=length)
        self.model: Any = model.to(self.machine.device).train()
        blocks = TimedBlocks(count, length, vocabulary, arguments.micro_batch)
        self.blocks = TrainingBlocks(blocks)
        self.objective = OBJECTIVES.get(self.config.training.objective).build(self.config, tokenizer)
        self.objective.prepare(self.model, self.machine, blocks)
        self.objective.begin(BatchPlan(count, length, arguments.micro_batch, 1), arguments.rounds + WARM_UP)
        self.collate = self.objective.collator(training=True)
        self.optimizer = OPTIMIZERS.get(self.config.optimization.optimizer)(self.model, self.config)

    def step(self, number: int) -> float:
        """Seconds of an optimizer step of one micro-batch."""
        import torch

        from babyllama.architectures import family
        from babyllama.training.attention import short_row_attention
        from babyllama.training.data.blocks import BlockKey
        from babyllama.training.measuring import clock_of, wait
        from babyllama.training.network import training_network

        device, kind = self.machine.device, self.machine.autocast_dtype
        clock = clock_of(device)
        places = range(number * self.micro_batch, (number + 1) * self.micro_batch)
        patches = family(self.config.model.type).training(self.model)
        attention = short_row_attention(self.model, self.machine, self.config.data.seq_length)
        with patches, attention, training_network(self.model, self.objective):
            wait(device)
            began = clock()
            batch = self.collate([self.blocks[BlockKey(0, place, place, 0)] for place in places])
            targets = batch.pop("counts")["targets"]
            batch = {name: entry.to(device) for name, entry in batch.items()}
            with torch.autocast(device.type, dtype=kind, enabled=kind is not None):
                sums = self.model(**batch)
            (sums["objective"] / targets).backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            wait(device)
            return clock() - began


def main(arguments: argparse.Namespace) -> None:
    """Take the steps in turns and print a Markdown table."""
    import torch

    from babyllama import console

    names = arguments.rows or rows_of(arguments.teachers)
    with tempfile.TemporaryDirectory() as name, console.quiet():
        students = {row: Student(row, arguments, Path(name) / row) for row in names}
        seconds: dict[str, list[float]] = {row: [] for row in names}
        for number in range(arguments.rounds + WARM_UP):
            for row, student in students.items():
                seconds[row].append(student.step(number))
    seconds = {row: each[WARM_UP:] for row, each in seconds.items()}
    machine = students[names[0]].machine
    alone = machine.device.type == "cpu" and torch.get_num_threads() == 1
    print(f"{'CPU time' if alone else 'wall time'}, {machine.precision.name}, {arguments.rounds} rounds\n")
    print(table(seconds, {row: student.teachers for row, student in students.items()}))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(seconds, indent=2) + "\n", encoding="utf-8")


def table(seconds: dict[str, list[float]], teachers: dict[str, float]) -> str:
    """Markdown: each row's step against the causal one, and live against cached at the same size of the teachers."""

    def ratios(row: str, other: str) -> str:
        if other not in seconds or other == row:
            return ""
        low, middle, high = np.quantile(np.array(seconds[row]) / np.array(seconds[other]), (0.25, 0.5, 0.75))
        return f"{middle:.2f} ({low:.2f}-{high:.2f})"

    lines = ["| row | teachers / student | ms a step | over causal | live over cached |", "|---|--:|--:|--:|--:|"]
    for row, each in seconds.items():
        size = f"{teachers[row]:.2f}" if teachers[row] else ""
        against = ratios(row, row.replace("live", "cached")) if row.startswith("live") else ""
        lines.append(f"| {row} | {size} | {1000 * np.median(each):,.0f} | {ratios(row, 'causal')} | {against} |")
    return "\n".join(lines)
