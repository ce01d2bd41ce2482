"""The name tables: which families, cleaners, protocols, tasks, objectives and optimizers there are.

A configuration is checked against the names alone; what a name stands for is imported when it is used. Adding one is one
new file and one line here, or, in a module of one's own that `plugins:` names, one call of `register`.
"""

from __future__ import annotations

from typing import Any

from babyllama.errors import ConfigError, EvaluationError
from babyllama.registry import Registry

FAMILIES: Registry[Any] = Registry(
    "model type",
    {
        "Llama": "babyllama.architectures.llama:Llama",
        "GPT2": "babyllama.architectures.gpt2:GPT2",
        "GPTJ": "babyllama.architectures.gptj:GPTJ",
    },
    error=ConfigError,
)
"""`model.type` -> a class of `babyllama.architectures.Family`; its file loads no model library before it builds."""

CLEANERS: Registry[Any] = Registry("domain", error=ConfigError)
"""`domain` of a source -> a function of a text."""

PROTOCOLS: Registry[Any] = Registry("protocol", error=EvaluationError)
"""`evaluation.protocol` -> a `babyllama.evaluation.protocols.Protocol`."""

TASKS: Registry[Any] = Registry("task", error=EvaluationError)
"""A name in `evaluation.tasks` -> a `babyllama.evaluation.tasks.Task`."""

OBJECTIVES: Registry[Any] = Registry(
    "objective", {"causal": "babyllama.training.objectives.causal:Causal"}, error=ConfigError
)
"""`training.objective` -> a `babyllama.training.objectives.Objective`."""

OPTIMIZERS: Registry[Any] = Registry(
    "optimizer",
    {"adamw": "babyllama.training.optim.adamw:build_adamw", "muon": "babyllama.training.optim.muon:build_muon"},
    error=ConfigError,
)
"""`optimization.optimizer` -> a function of (model, configuration) that builds one."""
