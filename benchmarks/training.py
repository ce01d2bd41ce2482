"""Training speed beside what a user would otherwise run: plain Trainer, Trainer in bf16, Trainer bf16 + torch.compile.

    python benchmarks/training.py --config config/babylm-llama-26m.yaml --micro-batch 8 --steps 8
    python benchmarks/training.py --config config/babylm-llama-66m.yaml --micro-batch 64 --device cuda
    python benchmarks/training.py --objectives --config config/babylm-llama-5m.yaml --micro-batch 16

Every row trains the configuration's model on the same random tokens in packed documents, in a process of its own, with
one micro-batch per optimizer step. Shown are tokens per second (median of the steps after the third, everything
between two steps included), peak memory, the time until the first step is done, and the share of the device's peak
matrix speed in the row's number format. Rows that the hardware cannot compute sensibly are left out with the reason.
With --objectives the rows are distillation and masked rows against causal training instead: see objectives.py.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import objectives
from timed_blocks import TimedBlocks, shared_overrides

CPU_ROWS = ("trainer-fp32", "trainer-fp32-compile", "trainer-bf16", "trainer-bf16-compile", "ours", "ours-compile")
CUDA_ROWS = (
    "trainer-fp32",
    "trainer-fp16-checkpointing",
    "trainer-bf16",
    "trainer-bf16-compile",
    "ours",
    "ours-compile",
)
NAMES = {
    "trainer-fp32": "plain Trainer, fp32",
    "trainer-fp32-compile": "Trainer, fp32 + torch_compile",
    "trainer-fp16-checkpointing": "Trainer, fp16 + gradient checkpointing",
    "trainer-bf16": "Trainer, bf16",
    "trainer-bf16-compile": "Trainer, bf16 + torch_compile",
    "ours": "BabyLlama",
    "ours-compile": "BabyLlama, torch_compile",
}


def measure(row: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train one row in this process."""
    began = time.perf_counter()
    import torch

    from babyllama.architectures import build_model
    from babyllama.device import choose_device, choose_precision, keep_freed_memory, set_threads
    from babyllama.settings import load_config
    from babyllama.training.memory import peak_memory_bytes
    from babyllama.training.throughput import flops_per_token, measure_peak

    overrides = [*shared_overrides(arguments, compiled=row == "ours-compile"), *arguments.override]
    config = load_config(arguments.config, overrides)
    set_threads(config.training.threads)
    if row.startswith("ours"):
        keep_freed_memory()
    device = choose_device(config.training.device)
    precision = choose_precision(config.training, device).name if row.startswith("ours") else row.split("-")[1]
    vocabulary = config.model.vocab_size or (config.tokenizer.vocab_size if config.tokenizer else 16000)
    model = build_model(config.model, vocab_size=vocabulary, seq_length=config.data.seq_length)
    blocks = TimedBlocks(
        arguments.micro_batch * (arguments.steps + 1), config.data.seq_length, vocabulary, arguments.micro_batch
    )
    ready = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        if row.startswith("ours"):
            _ours(config, model, blocks, Path(folder))
        else:
            _trainer(row, config, model, blocks, Path(folder), arguments)
    seconds = blocks.step_seconds()
    # accelerate's loader reads one batch ahead, ours does not.
    first_step = arguments.micro_batch * (1 if row.startswith("ours") else 2)
    rate = arguments.micro_batch * config.data.seq_length / statistics.median(seconds[3:])
    return {
        "row": NAMES[row],
        "tokens_per_second": rate,
        "peak_memory_bytes": peak_memory_bytes(device),
        "first_step_seconds": blocks.times[first_step] - ready,
        "setup_seconds": ready - began,
        "peak_share": rate * flops_per_token(model, config.data.seq_length) / measure_peak(device, precision),
        "precision": precision,
        "torch": torch.__version__,
    }


def _ours(config: Any, model: Any, blocks: TimedBlocks, folder: Path) -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    from babyllama.runs import RunPaths, RunRecord
    from babyllama.training import train

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
    train(
        config, model=model, tokenizer=tokenizer, train_dataset=blocks, eval_dataset=None,  # type: ignore[arg-type]
        paths=RunPaths(folder / "run"), record=RunRecord.new(config.model.name),
    )  # fmt: skip


def _trainer(
    row: str, config: Any, model: Any, blocks: TimedBlocks, folder: Path, arguments: argparse.Namespace
) -> None:
    from transformers import Trainer, TrainingArguments

    section = config.optimization
    training = TrainingArguments(
        output_dir=str(folder), per_device_train_batch_size=arguments.micro_batch, max_steps=arguments.steps,
        learning_rate=config.training.lr, weight_decay=section.weight_decay, adam_beta2=section.adam_beta2,
        max_grad_norm=section.max_grad_norm, lr_scheduler_type="cosine", warmup_steps=config.training.warmup_steps,
        bf16="bf16" in row, fp16="fp16" in row, torch_compile=row.endswith("compile"),
        gradient_checkpointing="checkpointing" in row, use_cpu=arguments.device == "cpu", report_to=[],
        save_strategy="no", logging_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    Trainer(model=model, args=training, train_dataset=blocks).train()  # type: ignore[arg-type]


def reason_to_skip(row: str, device: Any) -> str | None:
    """Why `row` says nothing on this machine; None when it does."""
    from babyllama.device import has_fast_bf16
    from babyllama.training.compiling import missing_compiler

    if "bf16" in row and not has_fast_bf16(device):
        return f"this {device.type.upper()} has no bf16 units and would emulate them"
    if row.endswith("compile"):
        return missing_compiler(device)
    return None


def main() -> None:
    """Run the rows one after another and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--config", default="config/babylm-llama-26m.yaml")
    parser.add_argument("--micro-batch", type=int, default=8, help="sequences per forward pass, the same in every row")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rows", nargs="*", choices=NAMES, metavar="ROW", help=f"some of: {', '.join(NAMES)}")
    parser.add_argument("--json", help="also write the measurements to this file")
    parser.add_argument("--override", nargs="*", default=[], help="section.key=value for the configuration")
    parser.add_argument("--objectives", action="store_true", help="teachers and masked rows against causal training")
    parser.add_argument(
        "--teachers", nargs="*", type=float, default=[1.0, 2.0, 4.0, 8.0], help="multiples of the student"
    )
    parser.add_argument("--temperature", type=float, default=1.0, help="of the teachers of --objectives")
    parser.add_argument("--rounds", type=int, default=10, help="steps of each row of --objectives")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.steps < 5:
        parser.error("--steps must be at least 5: the first three are warm-up")
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments)))
        return

    from babyllama.device import choose_device, describe_device

    device = choose_device(arguments.device)
    arguments.device = str(device)
    if arguments.objectives:
        objectives.main(arguments)
        return
    print(f"{arguments.config}, {arguments.micro_batch} sequences per step, {describe_device(device)}\n")
    print("| | tokens/s | share of peak | peak memory | first step after |\n|---|---|---|---|---|")
    found = []
    for row in arguments.rows or (CUDA_ROWS if device.type == "cuda" else CPU_ROWS):
        reason = reason_to_skip(row, device)
        if reason is not None:
            print(f"| {NAMES[row]} | not measured: {reason} | | | |", flush=True)
            continue
        command = [sys.executable, __file__, "--measure", row, "--config", arguments.config,
                   "--micro-batch", str(arguments.micro_batch), "--steps", str(arguments.steps),
                   "--device", arguments.device, "--override", *arguments.override]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"| {NAMES[row]} | failed: {done.stderr.strip().splitlines()[-1][:100]} | | | |", flush=True)
            continue
        result = json.loads(done.stdout.splitlines()[-1])
        found.append(result)
        print(
            f"| {result['row']} ({result['precision']}) | {result['tokens_per_second']:,.0f} | {result['peak_share']:.0%} | "
            f"{result['peak_memory_bytes'] / 2**30:.2f} GiB | {result['first_step_seconds']:.1f} s |",
            flush=True,
        )
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
