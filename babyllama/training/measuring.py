"""Work timed and counted: seconds, FLOPs, bytes, and how fast memory is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode


def fastest(work: Callable[[], Any], device: torch.device, seconds: float, *, least: int = 5) -> float:
    """Seconds of `work`, the fastest of as many as fit, `least` times at least: what other programs take makes the others slower."""
    for _ in range(min(2, least)):
        work()
    wait(device)
    clock, times = clock_of(device), list[float]()
    began = clock()
    while clock() - began < seconds or len(times) < least:
        start = clock()
        work()
        wait(device)
        times.append(clock() - start)
    return min(times)


def clock_of(device: torch.device) -> Callable[[], float]:
    """Seconds that passed; on one CPU thread those that it computed, so that other programs do not count."""
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    return time.process_time if alone else time.perf_counter


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def memory_bandwidth(device: torch.device, seconds: float = 0.5, size: int = 1 << 27) -> float:
    """Bytes per second of copying a tensor larger than any cache of most machines, read and written counted, the best of many."""
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    clock, best = clock_of(device), float("inf")
    began = clock()
    while clock() - began < seconds or best == float("inf"):
        start = clock()
        target.copy_(source)
        wait(device)
        best = min(best, clock() - start)
    return 2 * size / best


class _BytesMoved(TorchDispatchMode):
    """Within the block, adds up the bytes that operations read and write; views move nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [leaf for leaf in pytree.tree_leaves((args, kwargs, out)) if isinstance(leaf, Tensor)]
            self.moved += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return out


def counted(work: Callable[[], Any]) -> tuple[int, int]:
    """(FLOPs, bytes moved) of `work`."""
    moved = _BytesMoved()
    # Fused attention is one operation to the counter on a CPU; its plain form has the products that are counted.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as flops:
        work()
    with moved:
        work()
    return flops.get_total_flops(), moved.moved
