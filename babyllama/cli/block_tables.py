"""`babyllama benchmark blocks`: what a training step of each family is made of, as tables and a stacked bar."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babyllama import console
from babyllama.artifacts import write_json
from babyllama.console import json_text
from babyllama.settings import config_from_values, load_config
from babyllama.text import file_size, percent, plural, significant

if TYPE_CHECKING:
    from babyllama.evaluation.results import Table

SIZES = {
    "data": {"seq_length": 128},
    "model": {"type": "Llama", "hidden_size": 192, "n_layer": 4, "n_head": 4, "tie_word_embeddings": True},
    "tokenizer": {"vocab_size": 4096},
    "training": {"batch_size": 16},
}
"""What is measured where no configuration is named: a model of 2.6 million parameters."""


def run_blocks(args: argparse.Namespace) -> int:
    """Measure each family at the same sizes, print a table of each, write what `--output` and `--json` ask for."""
    from babyllama.config.tables import FAMILIES

    config = load_config(args.config) if args.config else config_from_values(SIZES)
    names = [name.strip() for name in args.families.split(",")] if args.families else None
    for name in names or ():
        FAMILIES.get(name)
    with console.progress("loading"):
        from babyllama.device import describe_device, set_threads
        from babyllama.plan import vocabulary
        from babyllama.training import blocks
        from babyllama.training.machine import Machine
        from babyllama.training.measuring import memory_bandwidth
        from babyllama.training.throughput import peak_flops

    threads = set_threads(config.training.threads)
    machine = Machine.find(config.training.model_copy(update={"device": args.device}))
    peak, bandwidth = peak_flops(machine.device, machine.precision.name), memory_bandwidth(machine.device)
    steps: list[dict[str, Any]] = []
    for name in names or blocks.FAMILIES:
        console.say(f"measuring {name} ...")
        values = config.model_dump(mode="json", exclude_unset=True)
        values["model"] = _sizes_of(values["model"], name, FAMILIES.get(name).optional_keys)
        same = config_from_values(values)
        step = blocks.measure_step(same, vocab_size=vocabulary(same)[0], machine=machine)
        steps.append(step.to_json())
    facts = {
        "device": describe_device(machine.device),
        "threads": threads,
        "precision": machine.precision.name,
        "peak_flops_per_second": peak,
        "memory_bytes_per_second": bandwidth,
        "seq_length": config.data.seq_length,
        "batch_size": config.training.batch_size,
    }
    value = {**facts, "steps": steps}
    if args.output:
        from babyllama.reporting.benchmark_plot import draw_blocks

        write_json(args.output, value)
        console.say(f"results: {args.output}, picture: {draw_blocks(value, Path(args.output).with_suffix('.png'))}")
    if args.json:
        print(json_text(value, indent=2))
        return 0
    from babyllama.reporting.terminal import print_tables

    print(
        f"{facts['device']}, {plural(threads, 'thread')}, {facts['precision']}: matrix products up to {peak / 1e9:,.0f} GFLOP/s, memory "
        f"{file_size(bandwidth)}/s (copied)"
    )
    print_tables([_table(step, value) for step in steps])
    return 0


def _sizes_of(model: dict[str, Any], family: str, known: frozenset[str]) -> dict[str, Any]:
    """The model section for another family: keys that it does not have are left out.

    Dropout that nobody set is off: GPT-2 and GPT-J have 0.1 by default and the others none, and it would be what is measured.
    """
    from babyllama.settings.checks import FAMILY_KEYS

    off = {key: 0.0 for key in known if key.endswith("_pdrop") and model.get(key) is None}
    return (
        {key: value for key, value in model.items() if key not in FAMILY_KEYS or key in known} | off | {"type": family}
    )


def _table(step: dict[str, Any], facts: dict[str, Any]) -> Table:
    from babyllama.evaluation.results import Table

    whole, rows = step["seconds"], []
    for part in step["parts"]:
        spent = part["forward"] + part["backward"]
        rows.append(
            (
                part["name"],
                f"{part['count']} x {part['kind']}",
                f"{1000 * part['forward']:.2f}",
                f"{1000 * part['backward']:.2f}",
                f"{percent(spent / whole)} %",
                significant(part["flops"] / 1e9),
                f"{percent(part['flops'] / spent / facts['peak_flops_per_second'])} %" if spent else "-",
                file_size(part["bytes"]),
                f"{percent(part['bytes'] / spent / facts['memory_bytes_per_second'], 0)} %" if spent else "-",
            )
        )
    rest = step["rest"]
    rows.append(("rest", "sums, casts, calls", "", f"{1000 * rest:.2f}", f"{percent(rest / whole)} %", "", "", "", ""))
    columns = ("kind", "forward, ms", "backward, ms", "of the step", "GFLOP", "of the peak", "bytes", "of the memory")
    title = (
        f"{step['family']}: {step['parameters']:,} parameters, a step of {step['tokens']:,} tokens takes {1000 * whole:.1f} ms, "
        f"{step['tokens_per_second']:,.0f} tokens/s"
    )
    below = ("the loss computes its gradient on the way forward",)
    return Table(title, columns, rows, below=below)
