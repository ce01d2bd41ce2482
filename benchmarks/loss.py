"""The loss of one step: our fused linear cross-entropy beside torch's own and the plain way.

    python benchmarks/loss.py                    tokens x width x vocabulary of the shipped small models
    python benchmarks/loss.py --dtype bf16       under autocast, where the hardware computes bf16

Forward and backward of output layer and loss together, the ways in turn, median of several rounds; ratios within the run
are what counts. Peak memory is not shown: the plain way holds [N, V] logits and their gradient, the others chunks.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from babyllama.device import describe_device, has_fast_bf16, keep_freed_memory, set_threads
from babyllama.training.objectives.cross_entropy import LossOptions, fused_linear_cross_entropy

SIZES = ((4096, 128, 2048), (4096, 192, 4096), (4096, 192, 16000), (2048, 384, 16000), (2048, 512, 32000))
"""(tokens N, width D, vocabulary V)."""


def ours(hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor) -> Tensor:
    return fused_linear_cross_entropy(hidden_ND, weight_VD, None, targets_N, LossOptions()).objective


def torch_fused(hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor) -> Tensor:
    options = torch.nn.LinearCrossEntropyOptions()
    return torch.nn.functional.linear_cross_entropy(hidden_ND, weight_VD, targets_N, reduction="sum", options=options)


def plain(hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor) -> Tensor:
    logits = torch.nn.functional.linear(hidden_ND, weight_VD).float()
    return torch.nn.functional.cross_entropy(logits, targets_N, reduction="sum")


WAYS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"ours": ours, "torch": torch_fused, "plain": plain}


def seconds(way: Callable[[Tensor, Tensor, Tensor], Tensor], tensors: list[Tensor], dtype: torch.dtype | None) -> float:
    """Wall time of forward and backward."""
    for tensor in tensors[:2]:
        tensor.grad = None
    began = time.perf_counter()
    with torch.autocast(tensors[0].device.type, dtype=dtype, enabled=dtype is not None):
        loss = way(*tensors)
    loss.backward()
    if tensors[0].device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", default="fp32", choices=("fp32", "bf16"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    keep_freed_memory()
    device = torch.device(args.device)
    dtype = torch.bfloat16 if args.dtype == "bf16" else None
    if dtype is not None and not has_fast_bf16(device):
        print("note: this device only emulates bf16; the figures say nothing about hardware that computes it")
    print(f"{describe_device(device)}, {set_threads()} threads, torch {torch.__version__}, {args.dtype}")
    print(
        f"{'N':>6} {'D':>5} {'V':>6} "
        + "".join(f"{name:>11}" for name in WAYS)
        + f"{'torch/ours':>12}{'plain/ours':>12}"
    )
    for n, width, vocabulary in SIZES:
        generator = torch.Generator().manual_seed(0)
        hidden = torch.randn(n, width, generator=generator).to(device).requires_grad_()
        weight = (torch.randn(vocabulary, width, generator=generator) * 0.02).to(device).requires_grad_()
        targets = torch.randint(vocabulary, (n,), generator=generator).to(device)
        tensors = [hidden, weight, targets]
        found: dict[str, list[float]] = {name: [] for name in WAYS}
        for turn in range(args.rounds + 1):
            for name, way in WAYS.items():
                took = seconds(way, tensors, dtype)
                if turn:
                    found[name].append(took)
        times = {name: statistics.median(values) for name, values in found.items()}
        row = "".join(f"{1000 * times[name]:>8.1f} ms" for name in WAYS)
        print(
            f"{n:>6} {width:>5} {vocabulary:>6} {row}{times['torch'] / times['ours']:>12.2f}{times['plain'] / times['ours']:>12.2f}"
        )


if __name__ == "__main__":
    main()
