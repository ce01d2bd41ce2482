"""Two processes find each other, and wait long enough for a slow first one."""

import os
import socket
import subprocess
import sys

import pytest

CODE = """
import torch, torch.distributed
from babyllama.processes import PATIENCE, join_processes, process_index, wait_for_everyone
assert join_processes(torch.device("cpu")) == 2
backend = torch.distributed.group.WORLD._get_backend(torch.device("cpu"))
assert backend.options._timeout == PATIENCE, backend.options._timeout
wait_for_everyone()
print(process_index(), PATIENCE.total_seconds() / 3600)
"""


@pytest.mark.integration
@pytest.mark.slow
def test_processes_wait_for_hours_while_the_first_one_prepares() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    world = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    pair = [
        subprocess.Popen(
            [sys.executable, "-c", CODE],
            env={**os.environ, **world, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for rank, process in enumerate(pair):
        out, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
        assert out == f"{rank} 6.0\n"
