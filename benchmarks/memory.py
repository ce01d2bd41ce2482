"""Peak memory of training beside the estimate of `train --dry-run`, for each family, with and without checkpointing.

    python benchmarks/memory.py
    python benchmarks/memory.py --families Llama --override optimization.optimizer=muon

Every row trains a fresh model on random packed documents for a few steps, in a process of its own. Measured is the peak
resident memory above that of the process once it has imported what training needs; on a GPU, the most that was allocated.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from training import TimedBlocks

FAMILIES = ("Llama", "GPT2", "GPTJ")
SIZES = {"small": (256, 6, 8, 4096, 256, 16), "medium": (640, 8, 10, 16000, 512, 8)}
"""Width, layers, heads, vocabulary, sequence length, micro-batch."""


def configuration(family: str, size: str, checkpointing: bool, overrides: list[str]) -> Any:
    """The configuration of a row."""
    from babyllama.settings import load_config

    width, layers, heads, vocabulary, length, micro_batch = SIZES[size]
    lines = [
        f"model: {{type: {family}, name: memory, hidden_size: {width}, n_layer: {layers}, n_head: {heads}, vocab_size: {vocabulary}}}",
        f"data: {{seq_length: {length}}}",
        f"training: {{lr: 1e-3, batch_size: {micro_batch}, max_steps: 4, gradient_checkpointing: {str(checkpointing).lower()}}}",
        "logging: {wandb: false}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory.yaml"
        path.write_text("\n".join(lines), encoding="utf-8")
        return load_config(path, overrides)


def measure(family: str, size: str, checkpointing: bool, overrides: list[str]) -> dict[str, Any]:
    """Train one row in this process."""
    import resource

    import torch
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    from babyllama.architectures import build_model
    from babyllama.device import keep_freed_memory, set_threads
    from babyllama.runs import RunPaths, RunRecord
    from babyllama.training import train
    from babyllama.training.footprint import step_footprint
    from babyllama.training.machine import Machine
    from babyllama.training.memory import peak_memory_bytes

    config = configuration(family, size, checkpointing, overrides)
    set_threads(config.training.threads)
    keep_freed_memory()
    machine = Machine.find(config.training)
    device = machine.device
    # Once through everything that is imported late.
    tiny = configuration(family, "small", checkpointing, ["model.hidden_size=32", "model.n_layer=1", "training.batch_size=1",
                                                           "training.max_steps=1", "model.vocab_size=64", *overrides])  # fmt: skip
    for number, each in enumerate((tiny, config)):
        model = build_model(each.model, vocab_size=each.model.vocab_size, seq_length=each.data.seq_length)
        steps, rows = each.training.max_steps or 1, each.training.batch_size * each.training.gradient_accumulation_steps
        blocks = TimedBlocks(rows * (steps + 1), each.data.seq_length, each.model.vocab_size, rows)
        with tempfile.TemporaryDirectory() as folder:
            train(
                each, model=model, tokenizer=PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE())),
                train_dataset=blocks, eval_dataset=None, paths=RunPaths(Path(folder) / "run"),
                record=RunRecord.new(each.model.name),
            )  # fmt: skip
        if number == 0:
            del model
            before = 0 if device.type == "cuda" else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            torch.cuda.reset_peak_memory_stats() if device.type == "cuda" else None
    estimate = step_footprint(
        config,
        vocab_size=config.model.vocab_size,
        micro_batch=config.training.batch_size,
        accumulation=config.training.gradient_accumulation_steps,
        machine=machine,
    )
    return {
        "parameters": estimate.weights // 4,
        "precision": machine.precision.name,
        "measured": peak_memory_bytes(device) - before,
        "estimate": estimate.total,
    }


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="*", default=FAMILIES)
    parser.add_argument("--sizes", nargs="*", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--override", nargs="*", default=[], help="section.key=value for the configuration")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        family, size, checkpointing = arguments.measure
        print(json.dumps(measure(family, size, checkpointing == "True", arguments.override)))
        return
    off = []
    print(
        "| family | parameters | precision | checkpointing | measured | estimate | off by |\n|---|---|---|---|---|---|---|"
    )
    for family, size, checkpointing in itertools.product(arguments.families, arguments.sizes, (False, True)):
        command = [
            sys.executable,
            __file__,
            "--measure",
            family,
            size,
            str(checkpointing),
            "--override",
            *arguments.override,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        row = json.loads(done.stdout.splitlines()[-1])
        off.append(row["estimate"] / row["measured"] - 1)
        print(
            f"| {family} | {row['parameters'] / 1e6:.1f}M | {row['precision']} | {'yes' if checkpointing else 'no'} | "
            f"{row['measured'] / 1e6:,.0f} MB | {row['estimate'] / 1e6:,.0f} MB | {off[-1]:+.0%} |",
            flush=True,
        )
    print(f"\n{sum(abs(one) <= 0.15 for one in off)} of {len(off)} rows within 15 %")


if __name__ == "__main__":
    main()
