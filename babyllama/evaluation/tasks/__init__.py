"""Evaluations, one file each; which there are is the table `babyllama.config.tables.TASKS`."""

from babyllama.evaluation.tasks.base import (
    DEFAULT_TASKS,
    NoData,
    Task,
    TaskData,
    TaskSettings,
    build_tasks,
    configured_tasks,
    refuse_unread,
)

__all__ = [
    "DEFAULT_TASKS",
    "NoData",
    "Task",
    "TaskData",
    "TaskSettings",
    "build_tasks",
    "configured_tasks",
    "refuse_unread",
]
