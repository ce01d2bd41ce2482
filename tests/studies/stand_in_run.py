"""Makes the folder of a finished run without training: `python stand_in_run.py CONFIG`. Its loss follows from the learning rate.

A learning rate above 1 fails; where a file called `hang` lies beside the configuration's folder, it waits to be stopped.
"""

import signal
import sys
from pathlib import Path

from babyllama.artifacts import write_json, write_text
from babyllama.runs import RunPaths
from babyllama.runs.metrics import TrainingMetrics
from babyllama.runs.results import StoredResult, save_result
from babyllama.runs.rows import RowsFile
from babyllama.settings import load_config, resolved_yaml

EVALUATIONS = 4


def main(path: str) -> None:
    config = load_config(path)
    paths = RunPaths(Path(config.logging.output_dir) / config.model.name)
    write_text(paths.config, resolved_yaml(config))
    if config.training.lr > 1:
        print("warning: this one will not do\nerror: loss is not a number", file=sys.stderr)
        sys.exit(2)
    # Best at 0.01, a little better with each seed, falling over time.
    loss = 2 + abs(config.training.lr - 0.01) * 10 - 0.001 * config.training.seed
    rows = RowsFile(paths.losses)
    for part in range(1, EVALUATIONS + 1):
        numbers = {
            "step": part * 10,
            "epoch": part / EVALUATIONS * config.training.num_epochs,
            "tokens_seen": part * 100,
        }
        rows.append({**numbers, "train_loss": loss, "eval_loss": loss + 1 / part, "tokens_per_second": 50.0})
    if Path("hang").exists():
        signal.pause()
    correct = [True, config.training.lr < 0.05, config.training.seed % 2 == 0, False] * 10
    pairs = [
        {
            "uid": f"paradigm_{i % 2}",
            "pair_id": str(i),
            "sentence_good": f"g{i}",
            "sentence_bad": f"b{i}",
            "correct": right,
        }
        for i, right in enumerate(correct)
    ]
    import json

    groups = {uid: [p["correct"] for p in pairs if p["uid"] == uid] for uid in ("paradigm_0", "paradigm_1")}
    paradigms = {u: {"accuracy": sum(c) / len(c), "n": len(c), "ties": 0} for u, c in groups.items()}
    accuracy = sum(row["accuracy"] for row in paradigms.values()) / 2
    numbers = {"set": "toy", "protocol": "lm-eval", "accuracy": accuracy, "paradigms": paradigms}
    result = StoredResult("toy", "blimp", "minimal_pairs", numbers, {}, {})
    save_result(paths.evaluation, result, {"toy_predictions.jsonl": [json.dumps(pair) + "\n" for pair in pairs]})
    write_json(paths.final / "config.json", {})
    TrainingMetrics(
        train_loss=loss, eval_loss=loss, perplexity=None, steps=40, epochs=1.0, tokens_seen=400, words_seen=300,
        training_time=8.0, tokens_per_second=50.0, peak_share=None, peak_memory_bytes=10**6,
        parameters=1000 * config.model.hidden_size, micro_batch=1, accumulation=1, precision="fp32", compiled=False,
        device="cpu", devices=1, resumed_from_step=None,
    ).save(paths)  # fmt: skip
    write_text(paths.card, "a card")


main(sys.argv[1])
