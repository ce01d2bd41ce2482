"""Kill every stage at random moments and see what is left, and training too, which must go on as if nothing had been.

    python benchmarks/faults.py --kills 50 --training-kills 20
    python benchmarks/faults.py --stages runs

Stages that make text, tokenizers and datasets are killed while they replace an old artifact by a new one: what is left must
be the old one, the new one or nothing, and the next run must end with the new one.

Training is killed at a random read of a block, or just before a checkpoint would be renamed into place, sometimes twice;
resumed, it must give the losses and weights of the run that was left alone, bit for bit. The model is tiny, everything else
is real: Muon, moving average, dropout, shifted blocks, accumulation.

`runs` spoils finished worlds: every kind of file of a run, its checkpoints, its tokenizer and its packed text, two processes in
one run, and kills while `--overwrite` replaces a run. What the next commands say and do is sorted into verdicts
(tests/runs/run_faults.py says what each means); there must be none that is silent, a traceback or a hang.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "artifacts"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "runs"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "training"))

import run_faults
from stage_faults import STAGES, kill_stage
from training_faults import record, run_jobs, weights

SECTIONS: dict[str, dict[str, Any]] = {
    "training": {"num_epochs": 3, "save_steps": 2, "eval_steps": 4, "logging_steps": 3, "warmup_steps": 3},
    "optimization": {"optimizer": "muon", "ema_decay": 0.9, "z_loss": 1e-4},
}
ALL = [*STAGES, "training", "runs"]
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


def kill_stages(names: list[str], kills: int, seed: int) -> None:
    """One row per stage; an artifact that is not whole raises."""
    print("| stage | kills | before its end | old artifact left | new one | none | old and new, of several |")
    print("|---|---|---|---|---|---|---|")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            done = kill_stage(name, Path(folder), kills=kills, seed=seed)
        found = Counter(kill.found for kill in done)
        early = sum(not kill.too_late for kill in done)
        single = [found.pop(one, 0) for one in ("old", "new", "none")]
        row = [name, len(done), early, *single, sum(found.values())]
        print(f"| {' | '.join(map(str, row))} |", flush=True)
    print()


def kill_training(precisions: list[str], kills: int, rng: random.Random) -> int:
    """One row per run that was killed; how many differ from the one left alone."""
    failures = 0
    print("| precision | killed at | losses.csv | weights |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for precision in precisions:
            root = Path(folder) / precision
            codes, alone = trial(root, "alone", precision, [])
            assert codes == [0], codes
            for number in range(kills):
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
    print(f"\n{failures} of {kills * len(precisions)} runs differ")
    return failures


def spoil_runs(variants: int, races: int, kills: int, rng: random.Random) -> int:
    """One row per kind of fault; how many verdicts are bad ones."""
    print(f"| fault | trials | {' | '.join(run_faults.VERDICTS)} |\n|{'---|' * (2 + len(run_faults.VERDICTS))}")
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy = folder / "copy"
        world = run_faults.make_world(folder)
        duration = run_faults.seconds_to_replace(world, copy)
        truth = run_faults.Truth.of(world)

        def row(fault: str, verdicts: list[str]) -> None:
            nonlocal bad
            found = Counter(verdicts)
            bad += sum(found[one] for one in (run_faults.SILENT, run_faults.TRACEBACK, run_faults.HANG))
            print(
                f"| {fault} | {len(verdicts)} | {' | '.join(str(found[one]) for one in run_faults.VERDICTS)} |",
                flush=True,
            )

        plan = [
            (kind, file, how)
            for kind, files in run_faults.spoilable(world).items()
            for file in files
            for how in run_faults.damages(world / file)
        ]
        # Every file at least once, then whatever chance brings.
        rng.shuffle(plan)
        first = {file: (kind, file, how) for kind, file, how in plan}
        plan = [*first.values(), *(one for one in plan if first[one[1]] != one)][:variants]
        for kind in run_faults.spoilable(world):
            chosen = [(file, how) for what, file, how in plan if what == kind]
            row(
                f"a damaged file of the {kind}",
                [_told(world, truth, copy, kind, file, how, number) for number, (file, how) in enumerate(chosen)],
            )
        row(
            "a second process in the run",
            [run_faults.raced(world, truth, copy, rng.uniform(0, duration / 3)) for _ in range(races)],
        )
        row(
            "a kill during --overwrite",
            [run_faults.replaced(world, truth, copy, rng.random(), duration) for _ in range(kills)],
        )
    print()
    return bad


def _told(world: Path, truth: Any, copy: Path, kind: str, file: Path, how: str, seed: int) -> str:
    verdict = run_faults.damaged(world, truth, copy, kind, file, how, seed)
    if verdict in (run_faults.SILENT, run_faults.TRACEBACK, run_faults.HANG):
        print(f"{verdict}: {file} {how}, seed {seed}", file=sys.stderr, flush=True)
    return verdict


def main() -> None:
    """Print the tables; exit 1 when a run of training differs or a fault of a run goes unnoticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", nargs="*", default=ALL, choices=ALL)
    parser.add_argument("--kills", type=int, default=50, help="kills of each stage but training")
    parser.add_argument("--damages", type=int, default=200, help="files damaged in finished runs")
    parser.add_argument("--races", type=int, default=20, help="rounds of two processes in one run")
    parser.add_argument("--overwrite-kills", type=int, default=20, help="kills while a run is replaced")
    parser.add_argument("--training-kills", type=int, default=20, help="runs killed per precision")
    parser.add_argument("--precisions", nargs="*", default=["fp32", "bf16"])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    stages = [name for name in arguments.stages if name in STAGES]
    rng, bad = random.Random(arguments.seed), 0
    if stages:
        kill_stages(stages, arguments.kills, arguments.seed)
    if "runs" in arguments.stages:
        bad += spoil_runs(arguments.damages, arguments.races, arguments.overwrite_kills, rng)
    if "training" in arguments.stages:
        bad += kill_training(arguments.precisions, arguments.training_kills, rng)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
