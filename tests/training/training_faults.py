"""Trains tiny runs that are killed on the way: one process that forks a child for each job on its command line.

A job is a JSON object: `folder`, `resume`, the configuration's `sections`, `family`, `dropout`, `blocks`, and at most one of
`kill_at_block` (SIGKILL when that many blocks have been read), `kill_at_seal` (SIGKILL when that checkpoint is about to
become one), `signal_at_block` (a signal number sent to the process itself, at block 25), `signal_at_evaluation` (SIGTERM
in the middle of that evaluation). The exit status of each child is printed as one line.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import torch
from training_world import TinyBlocks, tiny_config, tiny_model, tiny_tokenizer

from babyllama.runs import RunPaths, RunRecord
from babyllama.runs.rows import read_rows
from babyllama.training.saving import checkpoints
from babyllama.training.session import train


class CountingBlocks(TinyBlocks):
    """Blocks that call `action` when `count` of them have been read."""

    def __init__(self, count: int, action: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.left, self.action = count, action

    def block(self, index: int, offset: int = 0, documents: int = 0) -> dict[str, Any]:
        self.left -= 1
        if self.left == 0:
            self.action()
        return super().block(index, offset)


def run_jobs(*jobs: dict[str, Any]) -> list[int]:
    """Exit codes of the jobs, one after another; a negative one is a signal's number."""
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, str(here / "training_faults.py"), *map(json.dumps, jobs)],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(here), str(here.parent), str(here.parent.parent)]),
        },
        timeout=600,
    )
    codes = [int(line) for line in done.stdout.split()]
    assert len(codes) == len(jobs), done.stderr
    return codes


def record(folder: Path) -> list[dict[str, str]]:
    """losses.csv without what a clock writes."""
    rows = read_rows(RunPaths(folder / "tiny").losses)
    return [{name: value for name, value in row.items() if name != "tokens_per_second"} for row in rows]


def weights(folder: Path) -> bytes:
    return (RunPaths(folder / "tiny").final / "model.safetensors").read_bytes()


def _send(number: int) -> Any:
    return lambda: os.kill(os.getpid(), number)


def run(job: dict[str, Any]) -> None:
    """Train one job in this process."""
    torch.set_num_threads(1)
    folder = Path(job["folder"])
    config = tiny_config(folder, **job.get("sections", {}))
    # A teacher cache is of blocks that stay where they are.
    offsets = not (config.distillation and config.distillation.cache_teachers)
    blocks: Any = TinyBlocks(job.get("blocks", 40), offsets=offsets)
    if "kill_at_block" in job:
        blocks = CountingBlocks(job["kill_at_block"], _send(signal.SIGKILL), offsets=offsets)
    if "signal_at_block" in job:
        blocks = CountingBlocks(25, _send(job["signal_at_block"]), offsets=True)
    held_out: Any = TinyBlocks(6, seed=1)
    if "signal_at_evaluation" in job:
        # Six blocks per evaluation, in micro-batches of four.
        held_out = CountingBlocks(6 * job["signal_at_evaluation"] - 3, _send(signal.SIGTERM), 6, seed=1)
    if "kill_at_seal" in job:
        seal, left = checkpoints.seal, [job["kill_at_seal"]]

        def killing_seal(*args: Any) -> None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            seal(*args)

        checkpoints.seal = killing_seal
    if config.training.precision == "bf16":
        # Emulated on most CPUs, which is why `train` would choose fp32; a model this small bears it.
        import babyllama.device

        babyllama.device.has_fast_bf16 = lambda device: True
    train(
        config,
        model=tiny_model(job.get("family", "GPT2"), dropout=job.get("dropout", 0.1)),
        tokenizer=tiny_tokenizer(),
        train_dataset=blocks,
        eval_dataset=held_out,
        paths=RunPaths(folder / config.model.name),
        resume=job.get("resume"),
        record=RunRecord.new("tiny"),
    )


def main() -> None:
    for line in sys.argv[1:]:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                run(json.loads(line))
                status = 0
            except SystemExit as leaving:
                status = int(leaving.code or 0)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
