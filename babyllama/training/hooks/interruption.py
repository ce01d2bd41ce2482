"""Signals that ask to stop: finish the step, save, leave cleanly; a second Ctrl-C stops at once.

SIGTERM and Ctrl-C; SIGHUP, which a closed terminal sends (not under nohup), and SIGUSR1, which SLURM sends when asked to
warn before the time limit.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

from babyllama import console

_ASKED_TO_STOP = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1") if hasattr(signal, name)]


class TrainingInterrupted(SystemExit):
    """Training was asked to stop and has saved; leaves the process with 128 + the signal's number (143, 130, 129, 138).

    A SystemExit, so that nothing between here and the shell mistakes it for an error or goes on to the next stage.
    """

    def __init__(self, signal_number: int, message: str) -> None:
        super().__init__(128 + signal_number)
        self.message = message


class Interruption:
    """Remembers that a signal arrived; active inside its `with` block, in the main thread only."""

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self.agreed = False
        """Whether any process was asked to stop, known to all of them since the last step began."""
        self._previous: dict[int, Any] = {}

    @property
    def requested(self) -> bool:
        """Was this process asked to stop?"""
        return self.signal_number is not None

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in _ASKED_TO_STOP:
                # What is ignored from outside, as SIGHUP under nohup, stays ignored.
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._previous = {}

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.signal_number is not None and number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
            return
        self.signal_number = number
        name = signal.Signals(number).name
        console.say(f"{name}: saving a checkpoint after this step, then stopping (Ctrl-C again stops at once)")
