"""Rows of benchmarks/training.py: a step with teachers, live or cached, and with masked rows, against a causal one.

    python benchmarks/training.py --objectives --config config/babylm-llama-5m.yaml --micro-batch 16

Two teachers of the student's family and depth, wider, have together the given multiple of the student's parameters. Every row is
trained by BabyLlama itself in a process of its own; the rows are run in turns, `--rounds` times. A step's time is the time that the
process computed where it has one CPU thread (so that other programs on the machine count less), else the time that passed, and
the fastest step counts, since others make steps slower only. The step of a cached row is one of an epoch after the teachers have read
the text. Ratios are those of the fastest steps of all rounds; in parentheses, the lowest and the highest of a round.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

MASKED_SHARES = (0.2, 0.5)


def rows_of(teachers: list[float]) -> list[str]:
    """The names of the rows; what stands behind the @ is a share of masked rows, or a multiple of the student's parameters."""
    with_teachers = [f"{kind}@{multiple:g}" for multiple in teachers for kind in ("live", "cached")]
    return ["causal", *(f"hybrid@{share:g}" for share in MASKED_SHARES), *with_teachers]


def settings_of(row: str) -> list[str]:
    """Overrides of the configuration for a row; teachers come from `write_teachers`."""
    kind, _, number = row.partition("@")
    if kind == "hybrid":
        return ["training.objective=hybrid", f"objective.masked_share={number}"]
    if kind in ("live", "cached"):
        cached = "true" if kind == "cached" else "false"
        return ["training.objective=distillation", f"distillation.cache_teachers={cached}"]
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


def measure(row: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train one row in this process."""
    import torch
    from training import TimedBlocks, shared_overrides, train_ours

    from babyllama.architectures import build_model
    from babyllama.device import choose_device, choose_precision, set_threads
    from babyllama.settings import load_config

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        overrides = [
            *shared_overrides(arguments, compiled=False),
            f"data.packed_dir={folder / 'packed'}",
            *arguments.override,
        ]
        config = load_config(arguments.config, overrides)
        set_threads(config.training.threads)
        device = choose_device(config.training.device)
        vocabulary = config.model.vocab_size or (config.tokenizer.vocab_size if config.tokenizer else 16000)
        tokenizer = tokenizer_of(vocabulary)
        overrides += settings_of(row)
        multiple = 0.0
        if "distillation" in " ".join(overrides):
            paths, multiple = write_teachers(config, tokenizer, float(row.partition("@")[2]), folder)
            overrides.append(f"distillation.teachers=[{','.join(paths)}]")
        config = load_config(arguments.config, overrides)
        model = build_model(config.model, vocab_size=vocabulary, seq_length=config.data.seq_length)
        count = arguments.micro_batch * (arguments.steps + 1)
        blocks = TimedBlocks(count, config.data.seq_length, vocabulary, arguments.micro_batch)
        train_ours(config, model, blocks, folder, tokenizer)
        alone = device.type == "cpu" and torch.get_num_threads() == 1
        # Teachers that fill a cache read every block once, before the first step.
        seconds = blocks.step_seconds(cpu=alone, skip=count if row.startswith("cached") else 0)
    precision = choose_precision(config.training, device).name
    return {"row": row, "seconds": min(seconds[3:]), "teachers": multiple, "precision": precision,
            "clock": "CPU time" if alone else "wall time"}  # fmt: skip


def main(arguments: argparse.Namespace) -> None:
    """Run the rows in turns and print a Markdown table."""
    names = arguments.rows or rows_of(arguments.teachers)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(arguments.rounds):
        for name in names:
            command = [sys.executable, str(Path(__file__).with_name("training.py")), "--objectives", "--measure", name,
                       "--config", arguments.config, "--micro-batch", str(arguments.micro_batch), "--steps", str(arguments.steps),
                       "--device", arguments.device, "--override", *arguments.override]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{name}: {done.stderr.strip().splitlines()[-1][:200]}")
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"round {number + 1}, {name}: {found[name][-1]['seconds']:.3f} s", file=sys.stderr, flush=True)
    print(table(found, arguments.micro_batch))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def table(found: dict[str, list[dict[str, Any]]], micro_batch: int) -> str:
    """Markdown: each row's step against the causal one, and live against cached at the same size of the teachers."""

    def fastest(name: str) -> float:
        return min(one["seconds"] for one in found[name])

    def ratios(name: str, other: str) -> str:
        if other not in found or other == name:
            return ""
        each = [one["seconds"] / two["seconds"] for one, two in zip(found[name], found[other], strict=True)]
        return f"{fastest(name) / fastest(other):.2f} ({min(each):.2f}-{max(each):.2f})"

    lines = ["| row | teachers / student | ms a step | over causal | live over cached |", "|---|--:|--:|--:|--:|"]
    for name, results in found.items():
        size = f"{results[0]['teachers']:.2f}" if results[0]["teachers"] else ""
        against = ratios(name, name.replace("live", "cached")) if name.startswith("live") else ""
        lines.append(f"| {name} | {size} | {1000 * fastest(name):,.0f} | {ratios(name, 'causal')} | {against} |")
    first = next(iter(found.values()))[0]
    return "\n".join([f"{first['clock']}, {first['precision']}, {micro_batch} sequences a step", "", *lines])
