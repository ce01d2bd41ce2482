"""Which device, which number format, how many threads: decided once, here, and said in one line.

torch is imported inside the functions, so that rooms may name these types without paying for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from babyllama.config import TrainingSection
from babyllama.errors import ConfigError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Precision:
    """The number format of matrix products; weights and optimizer state stay in fp32."""

    name: str
    """fp32, bf16 or fp16."""
    note: str
    """Why, in a few words."""
    warning: str | None = None
    """What the user asked for and did not get, and why."""


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name`; `auto` is CUDA, else MPS, else CPU. ConfigError when it is not there."""
    import torch

    mps = getattr(torch.backends, "mps", None)
    present = {"cuda": torch.cuda.is_available(), "mps": mps is not None and mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if present[kind]))
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device {name!r} is not a device: use auto, cpu, cuda, cuda:N or mps.") from error
    if not present.get(device.type, False):
        have = ", ".join(kind for kind, there in present.items() if there)
        hint = " (is the CUDA build of torch installed?)" if device.type == "cuda" else ""
        raise ConfigError(f"device {name!r} is not present{hint}; this machine has: {have}.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"device {name!r}: this machine has {torch.cuda.device_count()} CUDA device(s), from cuda:0.")
    return device


def has_fast_bf16(device: torch.device) -> bool:
    """Does the hardware compute bf16 matrix products itself?

    On CPUs without AMX, AVX-512-BF16 or the ARM extension torch emulates them, about a hundred times slower than fp32.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0) or torch.version.hip is not None
    if device.type == "cpu":
        abilities: dict[str, Any] = torch.cpu.get_capabilities()
        return any(abilities.get(name, False) for name in ("amx_bf16", "avx512_bf16", "avx10_2", "bf16", "sve_bf16"))
    return False


def choose_precision(training: TrainingSection, device: torch.device) -> Precision:
    """The number format for `training` on `device`; a format the hardware lacks becomes the nearest one.

    That is said in the note, and for bf16 as a warning: fp16 in a configuration is meant for CUDA.
    """
    asked = training.precision
    if asked == "auto":
        asked = "fp16" if training.fp16 else "bf16" if training.bf16 else "auto"
    fast_bf16 = has_fast_bf16(device)
    if asked == "auto":
        if fast_bf16:
            return Precision("bf16", "the hardware computes bf16")
        if device.type == "cuda":
            return Precision("fp16", "this GPU has no bf16 units")
        return Precision("fp32", f"this {device.type.upper()} has no bf16 units")
    if asked == "fp32" or (asked == "fp16" and device.type == "cuda") or (asked == "bf16" and fast_bf16):
        return Precision(asked, "as configured")
    if asked == "bf16" and device.type == "cuda":
        return Precision("fp16", "nearest to bf16", "bf16 needs an Ampere or newer GPU: training in fp16 instead")
    if asked == "fp16":
        return Precision("bf16" if fast_bf16 else "fp32", "nearest to fp16, which needs CUDA")
    why = f"this {device.type.upper()} only emulates bf16, slowly"
    return Precision("fp32", "nearest to bf16", f"bf16 was asked for, but {why}: training in fp32 instead")


def available_cores(cpu_max: str | os.PathLike[str] = "/sys/fs/cgroup/cpu.max") -> int:
    """CPU cores this process may use: its affinity, and the quota of its container that `cpu_max` (cgroup v2) holds."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open(cpu_max, encoding="ascii") as limit:
            quota, period = limit.read().split()
        # Rounded down: one thread more than the quota keeps all of them waiting for their share.
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):
        # Not in a container, or "max": no quota.
        return cores


def set_threads(count: int | None = None) -> int:
    """Bound torch's CPU threads to `count`, else to OMP_NUM_THREADS, else to the cores this process may use."""
    import torch

    if count is None:
        text = os.environ.get("OMP_NUM_THREADS", "")
        count = int(text) if text.isdigit() and int(text) > 0 else available_cores()
    torch.set_num_threads(count)
    return count


def keep_freed_memory() -> None:
    """Let this process keep what it frees of smaller blocks, and hold large ones in huge pages: for CPU runs, under Linux.

    glibc gives freed memory back, and every step then waits for the same pages to be cleared again: up to a third of the
    time of a step with a large vocabulary or micro-batch. Blocks over 32 MiB go back all the same; kept, they left holes
    of more than a gigabyte, and huge pages are quickly cleared. Call it before the first large tensor is made: torch reads
    its variable once. Other systems and C libraries are left alone.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # of torch: huge pages for blocks over 2 MiB
    # Two names of mallopt(3), as <malloc.h> numbers them: from which size on blocks are mapped on their own, and how much
    # free memory at the end of the heap is given back.
    map_threshold, trim_threshold = -3, -1
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # another C library than glibc
            set_option = ctypes.CDLL(None).mallopt
            set_option(map_threshold, 32 << 20)
            set_option(trim_threshold, 2**31 - 1)


def describe_device(device: torch.device) -> str:
    """Name of the device as a person knows it, for run.json and the card."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"Apple {platform.machine()} (MPS)"
    return f"{_cpu_name()}, {available_cores()} cores"


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
