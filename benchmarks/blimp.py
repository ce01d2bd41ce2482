"""How fast are minimal pairs scored? BabyLlama, lm-evaluation-harness and minicons on the same model and pairs.

    pip install -c constraints.txt -e ".[parity,bench]"
    python benchmarks/blimp.py MODEL --blimp-data ../shared/data/blimp_half [--pairs-per-paradigm N]

Every engine runs in a process of its own, one after another, on the same threads. Two times are taken: the whole process
(start of Python to its end) and scoring alone (first forward pass to last score). Decisions are compared pair by pair.
The harness runs its own BLiMP task over the local files, at each of --batch-sizes; its fastest run counts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ENGINES = ("ours", "ours-fp32", "lm-eval", "minicons")
"""`ours` is --dtype auto: a bf16 pass where the hardware computes bf16, else the same as ours-fp32."""


def main() -> int:
    """Run the engines and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="run folder or model folder")
    parser.add_argument("--blimp-data", required=True, help="folder of BLiMP's .jsonl files")
    parser.add_argument("--pairs-per-paradigm", type=int, help="a seeded subset (default: all pairs)")
    parser.add_argument("--engines", default=",".join(ENGINES), help=f"comma-separated, of {', '.join(ENGINES)}")
    parser.add_argument("--batch-sizes", default="16,64,256", help="tried for the harness and minicons")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", help="write all numbers here, too")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--batch-size", type=int, default=64, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return work(args)
    with tempfile.TemporaryDirectory() as folder:
        pairs = write_subset(args, Path(folder) / "pairs")
        bare = launch(args, "bare", pairs, folder)
        runs = []
        for engine in args.engines.split(","):
            sizes = [0] if engine.startswith("ours") else [int(size) for size in args.batch_sizes.split(",")]
            tried = [launch(args, engine, pairs, folder, size) for size in sizes]
            runs.append(min(tried, key=lambda run: run["scoring"]))
            print(f"{engine}: {runs[-1]['pairs'] / runs[-1]['scoring']:.0f} pairs/s", file=sys.stderr, flush=True)
    report(args, bare, runs)
    return 0


def write_subset(args: argparse.Namespace, folder: Path) -> Path:
    """The same pairs for every engine, as BLiMP files."""
    from babyllama.evaluation.pairs import read_pairs

    found = read_pairs(args.blimp_data)
    if args.pairs_per_paradigm:
        found = found.subset(args.pairs_per_paradigm, 42)
    folder.mkdir()
    for uid in found.paradigms:
        with (folder / f"{uid}.jsonl").open("w", encoding="utf-8") as lines:
            for pair in found.pairs:
                if pair.uid == uid:
                    row = {"sentence_good": pair.good, "sentence_bad": pair.bad, "UID": uid, "pairID": pair.pair_id}
                    lines.write(json.dumps(row) + "\n")
    return folder


def launch(args: argparse.Namespace, engine: str, pairs: Path, folder: str, batch_size: int = 64) -> dict[str, Any]:
    """One engine in one process: its own measurements, and the wall time of the whole process."""
    command = [sys.executable, __file__, args.model, "--blimp-data", str(pairs), "--worker", engine]
    command += ["--device", args.device, "--batch-size", str(batch_size)]
    environment = os.environ | {"HF_DATASETS_CACHE": f"{folder}/cache", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{engine} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1]) | {"engine": engine, "batch_size": batch_size, "process": seconds}


def report(args: argparse.Namespace, bare: dict[str, Any], runs: list[dict[str, Any]]) -> None:
    """The table: times, rates, ratios to the harness, memory over the bare process, decisions that differ."""
    import torch

    harness = next((run for run in runs if run["engine"] == "lm-eval"), None)
    own = next((run for run in runs if run["engine"] == "ours-fp32"), runs[0])
    print(
        f"{args.model}: {runs[0]['pairs']:,} pairs, {args.device}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    print(
        f"{'engine':<12} {'batch':>6} {'scoring s':>10} {'pairs/s':>8} {'process s':>10} {'x scoring':>10} {'x process':>10} "
        f"{'memory MB':>10} {'accuracy %':>11} {'other decisions':>16}"
    )
    for run in runs:
        times = [f"{harness[kind] / run[kind]:.2f}" if harness else "-" for kind in ("scoring", "process")]
        if run["decisions"] is None or run["engine"] == "minicons":
            different = "-"  # minicons averages over tokens: another question
        else:
            different = str(sum(a != b for a, b in zip(run["decisions"], own["decisions"], strict=True)))
        print(
            f"{run['engine']:<12} {run['batch_size'] or '-':>6} {run['scoring']:>10.1f} {run['pairs'] / run['scoring']:>8.0f} "
            f"{run['process']:>10.1f} {times[0]:>10} {times[1]:>10} {run['peak_mb'] - bare['peak_mb']:>10.0f} "
            f"{100 * run['accuracy']:>11.2f} {different:>16}"
        )
        if run.get("note"):
            print(f"{'':<12} {run['note']}")
    print(
        f"bare process (imports): {bare['peak_mb']:.0f} MB, {bare['process']:.1f} s; weights: {own['weights_mb']:.0f} MB in fp32"
    )
    if args.json:
        slim = [{key: value for key, value in run.items() if key != "decisions"} for run in [bare, *runs]]
        Path(args.json).write_text(json.dumps(slim, indent=2) + "\n", encoding="utf-8")


# ----------------------------------------------------------------------------------------------------------------------
# One engine in its own process


def work(args: argparse.Namespace) -> int:
    """Measure one engine and print one line of JSON."""
    value = {"bare": work_bare, "lm-eval": work_lm_eval, "minicons": work_minicons}.get(args.worker, work_ours)(args)
    value["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(value))
    return 0


def work_bare(args: argparse.Namespace) -> dict[str, Any]:
    """Only the imports that every engine needs."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaForCausalLM  # noqa: F401

    return {"threads": torch.get_num_threads()}


def work_ours(args: argparse.Namespace) -> dict[str, Any]:
    """BabyLlama, protocol lm-eval."""
    from babyllama.evaluation import load_model, score_minimal_pairs
    from babyllama.evaluation.scoring.causal import CausalScorer

    spent = [0.0]
    original = CausalScorer.score

    def timed(self: Any, *arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        value = original(self, *arguments, **options)
        spent[0] += time.perf_counter() - started
        return value

    CausalScorer.score = timed  # type: ignore[method-assign]
    loaded = load_model(args.model, args.device)
    notes: list[str] = []
    dtype = "fp32" if args.worker == "ours-fp32" else "auto"
    found = score_minimal_pairs(loaded, args.blimp_data, dtype=dtype, note=notes.append)
    return {
        "pairs": found.n,
        "scoring": spent[0],
        "accuracy": found.accuracy,
        "decisions": [bool(c) for c in found.scores.correct],
        "weights_mb": 4 * loaded.parameters / 2**20,
        "note": "; ".join(notes),
    }


def work_lm_eval(args: argparse.Namespace) -> dict[str, Any]:
    """The harness with its own BLiMP template over the local files."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    spent = [0.0]

    class Timed(HFLM):  # type: ignore[misc]
        def loglikelihood(self, *arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            value = super().loglikelihood(*arguments, **options)
            spent[0] += time.perf_counter() - started
            return value

    template = Path(lm_eval.__file__).parent / "tasks" / "blimp" / "_template_yaml"
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for file in sorted(Path(args.blimp_data).glob("*.jsonl")):
            names.append(f"local_{file.stem}")
            (Path(folder) / f"{file.stem}.yaml").write_text(
                f"include: {template}\ntask: local_{file.stem}\ndataset_path: json\ndataset_name: null\n"
                f"dataset_kwargs:\n  data_files:\n    train: {file}\n",
                encoding="utf-8",
            )
        manager = TaskManager(include_path=folder, include_defaults=False)
        lm = Timed(pretrained=final_folder(args.model), device=args.device, dtype="float32", batch_size=args.batch_size)
        found = lm_eval.simple_evaluate(
            model=lm, tasks=names, task_manager=manager, log_samples=True, bootstrap_iters=0
        )
    decisions: list[bool] = []
    for name in names:
        samples = sorted(found["samples"][name], key=lambda sample: sample["doc_id"])
        decisions += [bool(sample["acc"]) for sample in samples]
    accuracy = sum(found["results"][name]["acc,none"] for name in names) / len(names)
    return {"pairs": len(decisions), "scoring": spent[0], "accuracy": accuracy, "decisions": decisions}


def work_minicons(args: argparse.Namespace) -> dict[str, Any]:
    """minicons with its defaults (mean over tokens, nothing in front)."""
    from minicons import scorer

    pairs = [json.loads(line) for file in sorted(Path(args.blimp_data).glob("*.jsonl")) for line in file.open()]
    model = scorer.IncrementalLMScorer(final_folder(args.model), args.device)
    sentences = [pair[key] for pair in pairs for key in ("sentence_good", "sentence_bad")]
    scores: list[float] = []
    started = time.perf_counter()
    for begin in range(0, len(sentences), args.batch_size):
        scores += model.sequence_score(sentences[begin : begin + args.batch_size])
    spent = time.perf_counter() - started
    decisions = [good >= bad for good, bad in zip(scores[::2], scores[1::2], strict=True)]
    uids = [pair["UID"] for pair in pairs]
    means = [
        sum(d for d, uid in zip(decisions, uids, strict=True) if uid == name) / uids.count(name)
        for name in dict.fromkeys(uids)
    ]
    return {"pairs": len(pairs), "scoring": spent, "accuracy": sum(means) / len(means), "decisions": decisions}


def final_folder(model: str) -> str:
    """The Hugging Face folder of a run, or the model folder itself."""
    final = Path(model) / "final"
    return str(final if final.is_dir() else model)


if __name__ == "__main__":
    sys.exit(main())
