"""What a run has cost: operations, and the energy that its devices draw at most, both computed, neither measured."""

from __future__ import annotations

import re
from dataclasses import dataclass

from babyllama.runs import RunFacts

RATED_WATTS = {
    # Board power by the vendors' data sheets.
    "H200": 700, "H100 PCIe": 350, "H100": 700, "A100": 400, "L40S": 350, "L4": 72, "A10": 150, "V100": 300, "T4": 70,
    "RTX 4090": 450, "RTX 3090": 350,
}  # fmt: skip
WATTS_PER_CORE = 12.0
"""Of a processor that is not known, by Lannelongue, Grealey and Inouye 2021 (Green Algorithms, doi 10.1002/advs.202100707)."""


@dataclass(frozen=True)
class Energy:
    """An estimate."""

    watt_hours: float
    basis: str
    """Where the power comes from, in words."""

    def __str__(self) -> str:
        amount = f"{self.watt_hours / 1000:.3g} kWh" if self.watt_hours >= 100 else f"{self.watt_hours:.2g} Wh"
        return f"{amount}, estimated, not measured: {self.basis} for the whole training time"


def energy(facts: RunFacts) -> Energy | None:
    """What the devices of a run have drawn at their rated power; None where that is not known."""
    metrics, watts = facts.metrics, facts.config.publish.watts
    if metrics is None:
        return None
    if watts is not None:
        basis = f"{watts:g} W a device (publish.watts)"
    else:
        rated = rated_watts(metrics.device)
        if rated is not None:
            watts, basis = rated, f"{rated:g} W, the rated power of a device,"
        elif (cores := _cores(facts)) is not None:
            watts, basis = cores * WATTS_PER_CORE, f"{WATTS_PER_CORE:g} W for each of {cores} cores"
        else:
            return None
    return Energy(watts * metrics.devices * metrics.training_time / 3600, basis)


def rated_watts(device: str) -> float | None:
    """Board power in W of the GPU called `device`; None for what is not in the table."""
    return next((watts for name, watts in RATED_WATTS.items() if re.search(rf"\b{re.escape(name)}\b", device)), None)


def _cores(facts: RunFacts) -> int | None:
    """Threads of a run on a processor."""
    described = facts.metrics.device if facts.metrics else ""
    on_processor = described == "cpu" or re.search(r"\d+ cores?", described) is not None
    return facts.record.threads if facts.record and facts.record.threads and on_processor else None
