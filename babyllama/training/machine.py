"""The machine a run trains on, found once: device, number format, number of devices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from babyllama.config import TrainingSection
from babyllama.device import Precision, choose_device, choose_precision
from babyllama.processes import join_processes


@dataclass(frozen=True)
class Machine:
    """Where training runs."""

    device: torch.device
    """The device of this process."""
    precision: Precision
    devices: int = 1
    """Processes that train together, each with a device of its own."""

    @classmethod
    def here(cls, training: TrainingSection) -> Machine:
        """This process alone, with the device and the precision that `training` asks for. ConfigError when it is not there."""
        device = choose_device(training.device)
        return cls(device, choose_precision(training, device))

    @classmethod
    def find(cls, training: TrainingSection) -> Machine:
        """The same, connected to the other processes."""
        machine = cls.here(training)
        return replace(machine, devices=join_processes(machine.device))

    @property
    def autocast_dtype(self) -> torch.dtype | None:
        """The format of matrix products under autocast; None in fp32."""
        return {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.precision.name)
