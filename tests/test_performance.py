"""Speed and memory, measured and written down (junit properties, `-s` prints them); no time is asserted.

The figures in docs/performance.md come from benchmarks/, on larger models and longer runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import babyllama

pytestmark = [pytest.mark.performance, pytest.mark.integration]

Record = Callable[[str, float], None]


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Record:
    """Writes a figure down; it must be a positive number."""

    def record(name: str, value: float) -> None:
        assert 0 < value < float("inf"), name
        record_property(name, value)
        print(f"{name}: {value:,.6g}")

    return record


def test_text_is_packed(small_text: Path, small_tokenizer: Any, measured: Record) -> None:
    began = time.perf_counter()
    dataset = babyllama.DataProcessor("tok.json").prepare_dataset(small_text, seq_length=16)
    size = sum(file.stat().st_size for file in small_text.iterdir())
    measured("packing, MB/s", size / 1e6 / (time.perf_counter() - began))
    assert dataset.num_documents == 40


def test_a_run_is_trained_and_read(small_text: Path, measured: Record) -> None:
    from babyllama.settings import config_from_values

    values = {
        "data": {"train_path": "text", "eval_path": None, "tokenizer_path": "./tok.json", "seq_length": 16},
        "tokenizer": {"vocab_size": 300},
        "model": {"type": "Llama", "name": "tiny", "hidden_size": 16, "n_layer": 1, "n_head": 2},
        "training": {"batch_size": 4, "max_steps": 3, "precision": "fp32"},
    }
    config = config_from_values(values)
    run = babyllama.train_model(config, quiet=True)
    measured("training, tokens/s", run.metrics.tokens_per_second)
    measured("training, seconds", run.metrics.training_time)
    measured("peak memory of the process, MB", run.metrics.peak_memory_bytes / 1e6)
    weights = 4 * run.metrics.parameters
    assert run.metrics.peak_memory_bytes > 4 * weights, "weights, gradients and two moments are resident together"
    speed = babyllama.BenchmarkSuite(run, device="cpu").run_speed_benchmark(repeats=1)
    for name in ("read_tokens_per_second", "generated_tokens_per_second"):
        measured(name, speed[name])
