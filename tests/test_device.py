"""Device and precision: the best there is, and never a crash for a format the hardware lacks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from babyllama import device as devices
from babyllama.config import TrainingSection
from babyllama.errors import ConfigError

pytestmark = pytest.mark.unit
CPU = torch.device("cpu")


@pytest.mark.parametrize("fast_bf16", [True, False])
@pytest.mark.parametrize(
    ("keys", "with_bf16", "without", "warned"),
    [
        ({}, "bf16", "fp32", False),
        ({"precision": "fp32"}, "fp32", "fp32", False),
        ({"bf16": True}, "bf16", "fp32", None),
        ({"precision": "bf16"}, "bf16", "fp32", None),
        ({"fp16": True}, "bf16", "fp32", False),
        ({"precision": "fp16"}, "bf16", "fp32", False),
    ],
)
def test_precision_on_a_cpu(
    monkeypatch: pytest.MonkeyPatch, fast_bf16: bool, keys: dict, with_bf16: str, without: str, warned: bool | None
) -> None:
    monkeypatch.setattr(devices, "has_fast_bf16", lambda device: fast_bf16)
    chosen = devices.choose_precision(TrainingSection(**keys), CPU)
    assert chosen.name == (with_bf16 if fast_bf16 else without)
    # Whoever asks for bf16 is warned only where it is not to be had.
    assert (chosen.warning is not None) == (not fast_bf16 if warned is None else warned)


@pytest.mark.parametrize(
    ("capability", "keys", "name"),
    [((9, 0), {}, "bf16"), ((7, 0), {}, "fp16"), ((9, 0), {"fp16": True}, "fp16"), ((7, 0), {"bf16": True}, "fp16")],
)
def test_precision_on_cuda(monkeypatch: pytest.MonkeyPatch, capability: tuple, keys: dict, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert devices.choose_precision(TrainingSection(**keys), torch.device("cuda")).name == name


def test_fast_bf16_is_what_the_processor_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for abilities, fast in (({"avx2": True}, False), ({"amx_bf16": True}, True), ({"avx512_bf16": True}, True)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda abilities=abilities: abilities)
        assert devices.has_fast_bf16(CPU) is fast


@pytest.mark.parametrize("name", ["gpu", "cuda:7"])
def test_a_device_that_is_not_there_is_explained(name: str) -> None:
    with pytest.raises(ConfigError, match="device"):
        devices.choose_device(name)


def test_auto_is_a_device_of_this_machine() -> None:
    torch.zeros(1, device=devices.choose_device("auto"))


@pytest.mark.parametrize(("quota", "cores"), [("200000 100000", 2), ("50000 100000", 1), ("250000 100000", 2)])
def test_a_container_quota_bounds_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    limit = tmp_path / "cpu.max"
    limit.write_text(quota + "\n")
    assert devices.available_cores(limit) == cores
    for unlimited in ("max 100000\n", ""):
        limit.write_text(unlimited)
        assert devices.available_cores(limit) == 64
    assert devices.available_cores(tmp_path / "absent") == 64


def test_threads_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        assert devices.set_threads() == 1 == torch.get_num_threads()
        assert devices.set_threads(2) == 2 == torch.get_num_threads()
        monkeypatch.delenv("OMP_NUM_THREADS")
        assert devices.set_threads() == devices.available_cores()
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator only")
def test_kept_memory_is_not_cleared_again() -> None:
    """Pages touched when 20 blocks of 16 MiB are made for the third time: 80,000 without it, where pages have 4 KiB."""
    script = """
import resource
import torch
from babyllama.device import keep_freed_memory
keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [torch.ones(4 << 20) for _ in range(20)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults(), faults()
print(faults())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert int(done.stdout) < 100
