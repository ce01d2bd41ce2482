"""Speed and memory from raw text to packed blocks, beside the tokenizer's own speed and the usual way.

    python benchmarks/corpus.py --data data                                  small: half a minute per part
    python benchmarks/corpus.py --data data --megabytes 37 --memory 1000,4000 --repeats 3 --plot plot.png

Each measurement runs in a process of its own; the ways to be compared take turns, `--repeats` times, and the median
counts. Peak memory is the largest resident set of the process (ru_maxrss). Rates are of UTF-8 bytes of text, 1 MB = 10^6.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import corpus_tasks

PARTS = ("packing", "cleaning", "memory", "opening")


def measure(task: str, **arguments: Any) -> dict[str, Any]:
    """Run one task of `corpus_tasks` in a process of its own; its result, with `peak_mb` of that process."""
    command = [sys.executable, __file__, "--task", task, "--arguments", json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{task} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def run_task(task: str, arguments: dict[str, Any]) -> None:
    """The other end of `measure`."""
    result = getattr(corpus_tasks, task)(**arguments)
    # Linux gives kilobytes, macOS bytes.
    unit = 1e6 if sys.platform == "darwin" else 1e3
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit
    result["peak_mb"] = max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, children)
    print(json.dumps(result))


def packing(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Text -> blocks: ours, the Rust tokenizer alone, and the usual way, in turns."""
    corpus, tokenizer = str(folder / "corpus.train"), str(folder / "t.json")
    size = measure("write_corpus", shared=args.data, path=corpus, megabytes=args.megabytes)
    measure("train_tokenizer", corpus=corpus, path=tokenizer, vocab_size=args.vocab_size)
    ways: dict[str, list[dict[str, Any]]] = {}
    for turn in range(args.repeats):
        common = {"corpus": corpus, "tokenizer": tokenizer}
        at = {"folder": str(folder / f"turn{turn}"), "seq_length": args.seq_length}
        for name, task, extra in (
            ("ours, concat", "ours", {**at, "packing": "concat"}),
            ("encode_batch_fast", "rust", {}),
            ("usual way", "usual", {**at, "processes": args.processes}),
            ("ours, best_fit", "ours", {**at, "packing": "best_fit"}),
        ):
            ways.setdefault(name, []).append(measure(task, **common, **extra))
    rows = {}
    for name, results in ways.items():
        seconds = statistics.median(result["seconds"] for result in results)
        rows[name] = {
            "mb_per_second": size["bytes"] / 1e6 / seconds,
            "seconds": [round(result["seconds"], 3) for result in results],
            "peak_mb": max(result["peak_mb"] for result in results),
        }
    ours = rows["ours, concat"]["mb_per_second"]
    print(
        f"\nraw text -> packed blocks of {args.seq_length}: {size['bytes'] / 1e6:.1f} MB, {size['documents']:,} documents"
    )
    for name, row in rows.items():
        print(
            f"  {name:<18} {row['mb_per_second']:8.2f} MB/s   {row['peak_mb']:7.0f} MB peak   ours is "
            f"{ours / row['mb_per_second']:.2f}x   runs {row['seconds']} s"
        )
    return {"bytes": size["bytes"], "rows": rows}


def cleaning(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """MB/s of every cleaner, and of mixing with cleaning, one core each."""
    found: dict[str, list[float]] = {}
    for turn in range(args.repeats):
        rates = measure("cleaning", shared=args.data)
        rates.pop("peak_mb")
        mixed = measure("mixing", shared=args.data, folder=str(folder / f"turn{turn}"), budget=args.mix)
        rates["mixing"] = mixed["bytes"] / 1e6 / mixed["cpu_seconds"]
        for name, rate in rates.items():
            found.setdefault(name, []).append(rate)
    plain = measure("plain_cleaning", shared=args.data)
    print("\nreading and cleaning a file, and mixing three of them with cleaning; MB per CPU second")
    for name, values in found.items():
        rate = statistics.median(values)
        beside = f"   {rate / plain[name]:4.1f} times the plain reference" if name in plain else ""
        print(f"  {name:<30} {rate:8.1f}   runs {[round(value, 1) for value in values]}{beside}")
    return found


def memory(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Peak memory and time of packing and mixing over the size of the corpus, made by repeating real text."""
    tokenizer, rows = str(folder / "t.json"), []
    for number, megabytes in enumerate(corpus_tasks.sizes_from(args.memory)):
        corpus = str(folder / "memory.train")
        size = measure("write_corpus", shared=args.data, path=corpus, megabytes=megabytes)
        if number == 0:
            measure("train_tokenizer", corpus=corpus, path=tokenizer, vocab_size=args.vocab_size)
        for packing in ("concat", "best_fit"):
            with tempfile.TemporaryDirectory(dir=folder) as target:
                result = measure(
                    "ours",
                    corpus=corpus,
                    tokenizer=tokenizer,
                    folder=target,
                    packing=packing,
                    seq_length=args.seq_length,
                )
            rows.append({"bytes": size["bytes"], "packing": packing, **result})
        with tempfile.TemporaryDirectory(dir=folder) as target:
            # Three files of 6 MB and more, repeated so that each can give a third of the mix.
            repeats = int(megabytes / 3 / 6) + 1
            result = measure("mixing", shared=args.data, folder=target, budget=f"{megabytes}MB", repeats=repeats)
        rows.append({"packing": "mixing", **result})
    print("\npeak memory of packing and of mixing")
    for row in rows:
        rate = row["bytes"] / 1e6 / row["cpu_seconds"]
        print(
            f"  {row['bytes'] / 1e6:8.0f} MB  {row['packing']:<9} {row['cpu_seconds']:8.1f} CPU s  {rate:6.2f} MB/CPU s  "
            f"{row['peak_mb']:6.0f} MB peak"
        )
    return {"rows": rows}


def opening(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """How long a large dataset takes to open."""
    result = measure("opening", folder=str(folder), words=int(args.open_words))
    print(
        f"\nopening a dataset of {result['words']:,} words ({result['blocks']:,} blocks): {result['open_seconds'] * 1e3:.1f} ms, "
        f"first block after {result['first_block_seconds'] * 1e3:.1f} ms, order of an epoch in "
        f"{result['epoch_order_seconds'] * 1e3:.0f} ms"
    )
    return result


def plot(results: dict[str, Any], path: str) -> None:
    """CPU time and memory of packing and mixing over the size of the corpus."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    time_axis, memory_axis = figure.subplots(1, 2)
    for packing in ("concat", "best_fit", "mixing"):
        rows = [row for row in results["memory"]["rows"] if row["packing"] == packing]
        gigabytes = [row["bytes"] / 1e9 for row in rows]
        time_axis.plot(gigabytes, [row["cpu_seconds"] for row in rows], marker="o", label=packing)
        memory_axis.plot(gigabytes, [row["peak_mb"] for row in rows], marker="o", label=packing)
    time_axis.set(xlabel="corpus (GB)", ylabel="CPU seconds", xlim=(0, None), ylim=(0, None))
    memory_axis.set(xlabel="corpus (GB)", ylabel="peak memory (MB)", xlim=(0, None), ylim=(0, None))
    time_axis.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data",
        default="data",
        help="folder with babylm/train (`babyllama fetch babylm-strict-small`), and with babylm_2023/train for its files",
    )
    parser.add_argument("--parts", default=",".join(PARTS), help=f"which of {', '.join(PARTS)}")
    parser.add_argument("--megabytes", type=float, default=4, help="text for packing")
    parser.add_argument("--mix", default="18MB", help="budget of the mix")
    parser.add_argument("--memory", default="10,40", help="sizes of the corpus in MB for memory")
    parser.add_argument("--open-words", type=float, default=100e6, help="words in the dataset that is opened")
    parser.add_argument("--vocab-size", type=int, default=16000)
    parser.add_argument("--seq-length", type=int, default=128)
    parser.add_argument("--processes", type=int, default=2, help="processes of the usual way")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--json", metavar="PATH", help="write the results there")
    parser.add_argument("--plot", metavar="PATH", help="draw time and memory over corpus size there")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    parser.add_argument("--arguments", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.task:
        run_task(args.task, json.loads(args.arguments))
        return
    args.data = str(Path(args.data).resolve())
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    results: dict[str, Any] = {}
    for part in args.parts.split(","):
        with tempfile.TemporaryDirectory() as folder:
            results[part] = globals()[part](args, Path(folder))
    if args.json:
        Path(args.json).write_text(json.dumps(results, indent=2) + "\n")
    if args.plot:
        plot(results, args.plot)


if __name__ == "__main__":
    main()
