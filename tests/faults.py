"""Real kills: run a stage in a process of its own and end it with SIGKILL at a random moment.

A stage is a function of a module in this folder. One process imports the module once and forks a child for each run, so
that a run costs what the stage costs and a kill meets the stage, not the imports.

    with Stage("test_x", "build", folder=str(tmp_path)) as stage:
        seconds = stage.run()
        for _ in stage.kills(5, seed=0):
            ...  # look at what is there, then let a later run have its say
"""

from __future__ import annotations

import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Stage:
    """A stage that can be run to its end or killed on the way."""

    def __init__(self, module: str, function: str, **arguments: Any) -> None:
        self._command = [sys.executable, __file__, module, function, json.dumps(arguments)]
        self._seconds = 0.0

    def __enter__(self) -> Stage:
        self._server = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent
        )
        return self

    def __exit__(self, *error: object) -> None:
        assert self._server.stdin
        self._server.stdin.close()
        self._server.wait()

    def _ask(self, what: str) -> int:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(what + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def run(self) -> float:
        """Run to the end; returns seconds."""
        begin = time.monotonic()
        self._ask("run")
        status = self._ask("wait")
        assert status == 0, f"the stage failed with exit status {status}"
        self._seconds = time.monotonic() - begin
        return self._seconds

    def kill(self, seconds: float) -> bool:
        """Run and kill after `seconds`; False when the stage had ended by then."""
        child = self._ask("run")
        time.sleep(seconds)
        # An ended child is not waited for before it is asked for, so the number is still its own.
        os.kill(child, signal.SIGKILL)
        status = self._ask("wait")
        assert status in (0, -signal.SIGKILL), f"the stage failed with exit status {status}"
        return status != 0

    def kills(self, number: int, seed: int) -> Iterator[float]:
        """Kill `number` runs at moments drawn between start and the length of the last whole run; yields each moment."""
        generator = random.Random(seed)
        killed = 0
        while killed < number:
            seconds = generator.uniform(0, self._seconds)
            if self.kill(seconds):
                killed += 1
                yield seconds


def serve(module: str, function: str, arguments: dict[str, Any]) -> None:
    """`run` on stdin forks a child and prints its process id, `wait` waits for it and prints its exit status."""
    stage = getattr(importlib.import_module(module), function)
    child = 0
    for line in sys.stdin:
        if line.strip() == "wait":
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
            continue
        child = os.fork()
        if child == 0:
            sys.stdout = sys.stderr
            try:
                stage(**arguments)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
