"""How much of the machine a run uses: floating-point operations per token, and the peak of the device."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from babyllama.artifacts import read_json, write_json
from babyllama.device import describe_device

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_KNOWN_PEAKS = {
    # Dense TFLOP/s without sparsity from the vendors' data sheets: (bf16 and fp16, fp32 without tensor cores).
    "H200": (989.0, 67.0),
    "H100 PCIe": (756.0, 51.0),
    "H100": (989.0, 67.0),
    "A100": (312.0, 19.5),
    "L40S": (362.0, 91.6),
    "L4": (121.0, 30.3),
    "A10": (125.0, 31.2),
    "V100": (125.0, 15.7),
    "T4": (65.0, 8.1),
    "RTX 4090": (165.0, 82.6),
    "RTX 3090": (71.0, 35.6),
}


def flops_per_token(model: PreTrainedModel, seq_length: int) -> int:
    """Training operations per token: 6 per weight of a matrix product, 12 L D T for attention (PaLM, appendix B).

    The input embedding is a look-up and does not count; the output layer does, tied or not. Causal attention computes
    half of the T x T scores, which the formula's convention counts whole.
    """
    config = model.config.get_text_config()
    embedding = model.get_input_embeddings().weight
    head = model.get_output_embeddings().weight
    matrices = sum(p.numel() for p in model.parameters() if p.ndim >= 2)
    matrices -= sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Embedding))
    if head is embedding:
        matrices += head.numel()
    return 6 * matrices + 12 * config.num_hidden_layers * config.hidden_size * seq_length


def peak_flops(device: torch.device, precision: str) -> float:
    """Peak operations per second of `device` in `precision`: looked up for known GPUs, else measured once and cached."""
    name = describe_device(device)
    if device.type == "cuda":
        for known, (half, single) in _KNOWN_PEAKS.items():
            if known in name:
                return 1e12 * (single if precision == "fp32" else half)
    key = f"{name}; {precision}; {torch.get_num_threads()} threads; torch {torch.__version__}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "babyllama" / "peak_flops.json"
    try:
        known_peaks = read_json(cache)
    except (OSError, ValueError):
        known_peaks = {}
    if key not in known_peaks:
        known_peaks[key] = measure_peak(device, precision)
        try:
            write_json(cache, known_peaks)
        except Exception:  # a home that cannot be written costs a second per run, not the run
            return known_peaks[key]
    return float(known_peaks[key])


def measure_peak(device: torch.device, precision: str, size: int = 2048, seconds: float = 1.0) -> float:
    """Operations per second of square matrix products of `size`, the best of as many as fit into `seconds`."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
    a = torch.randn(size, size, device=device, dtype=dtype)
    out = torch.empty_like(a)
    best, began = float("inf"), time.perf_counter()
    while time.perf_counter() - began < seconds or best == float("inf"):
        start = time.perf_counter()
        torch.mm(a, a, out=out)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type == "mps":
            torch.mps.synchronize()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best
