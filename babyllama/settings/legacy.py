"""Old configurations of distillation: sections `student` and `teachers`, and training keys below `distillation`."""

from __future__ import annotations

from typing import Any

from babyllama.config.problems import Problem, dotted
from babyllama.config.raw import RawConfig

MOVED: dict[tuple[str, ...], tuple[str, ...]] = {
    ("student",): ("model",),
    ("teachers",): ("distillation", "teachers"),
    ("distillation", "lr"): ("training", "lr"),
    ("distillation", "batch_size"): ("training", "batch_size"),
    ("distillation", "num_epochs"): ("training", "num_epochs"),
    ("distillation", "warmup_steps"): ("training", "warmup_steps"),
    ("distillation", "seq_length"): ("data", "seq_length"),
}
"""Old key -> the key it is today."""


def modernised(raw: RawConfig) -> RawConfig:
    """`raw` with old keys of distillation moved to where they are today; one that is given in both places is a problem of it."""
    for old, new in MOVED.items():
        value = raw.value_at(old)
        section = raw.values if len(old) == 1 else raw.values.get(old[0])
        if value is None or not isinstance(section, dict) or old[-1] not in section:
            continue
        node = section.pop(old[-1])
        if raw.value_at(new) is not None:
            rule = f"is the old spelling of {dotted(new)}, which is given too; remove one of the two"
            raw.problems.append(Problem(rule, old, raw.place_of(old)))
            continue
        _put(raw.values, new, list(node.values()) if old == ("teachers",) and isinstance(node, dict) else node)
        moved = {(*new, *key[len(old) :]): place for key, place in raw.places.items() if key[: len(old)] == old}
        raw.places = {key: place for key, place in raw.places.items() if key[: len(old)] != old} | moved
    return raw


def _put(values: dict[str, Any], key: tuple[str, ...], node: Any) -> None:
    for part in key[:-1]:
        below = values.get(part)
        if not isinstance(below, dict):
            below = values[part] = {}
        values = below
    values[key[-1]] = node
