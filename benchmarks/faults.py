"""Kill training at random moments, resume it, and compare with the run that was left alone, bit for bit.

    python benchmarks/faults.py --kills 20

Each kill is a SIGKILL at a random read of a block, or just before a checkpoint would be renamed into place; some runs are
killed twice. The model is tiny, everything else is real: Muon, moving average, dropout, shifted blocks, accumulation.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from training_faults import record, run_jobs, weights

SECTIONS: dict[str, dict[str, Any]] = {
    "training": {"num_epochs": 3, "save_steps": 2, "eval_steps": 4, "logging_steps": 3, "warmup_steps": 3},
    "optimization": {"optimizer": "muon", "ema_decay": 0.9, "z_loss": 1e-4},
}
BLOCKS = 3 * 40
"""Reads in the three epochs of a run; a checkpoint every two steps of 8."""


def faults(rng: random.Random) -> list[dict[str, int]]:
    """One or two kills: at a block, or at the saving of a checkpoint."""
    return [
        {"kill_at_block": rng.randint(1, BLOCKS - 40)} if rng.random() < 0.7 else {"kill_at_seal": rng.randint(1, 4)}
        for _ in range(1 if rng.random() < 0.7 else 2)
    ]


def trial(root: Path, name: str, precision: str, plan: list[dict[str, int]]) -> tuple[list[int], Path]:
    """Exit codes of the killed sessions and of the last one, and the folder of the run."""
    sections = {**SECTIONS, "training": {**SECTIONS["training"], "precision": precision}}
    job: dict[str, Any] = {"folder": str(root / name), "sections": sections}
    jobs = [{**job, **fault, **({"resume": "newest"} if number else {})} for number, fault in enumerate(plan)]
    return run_jobs(*jobs, {**job, "resume": "newest"} if plan else job), root / name


def main() -> None:
    """Print one line per trial; exit 1 when any run differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=20, help="trials per precision")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precisions", nargs="*", default=["fp32", "bf16"])
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    failures = 0
    print("| precision | killed at | losses.csv | weights |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for precision in arguments.precisions:
            root = Path(folder) / precision
            codes, alone = trial(root, "alone", precision, [])
            assert codes == [0], codes
            for number in range(arguments.kills):
                plan = faults(rng)
                codes, run = trial(root, f"run-{number}", precision, plan)
                same_rows = codes[-1] == 0 and record(run) == record(alone)
                same_weights = codes[-1] == 0 and weights(run) == weights(alone)
                failures += not (same_rows and same_weights)
                where = ", then ".join(
                    f"{key.removeprefix('kill_at_')} {value}" + ("" if code else " (ended before)")
                    for fault, code in zip(plan, codes, strict=False)
                    for key, value in fault.items()
                )
                verdict = ["same" if same else "DIFFERENT" for same in (same_rows, same_weights)]
                print(f"| {precision} | {where} | {verdict[0]} | {verdict[1]} |", flush=True)
    print(f"\n{failures} of {arguments.kills * len(arguments.precisions)} runs differ")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
