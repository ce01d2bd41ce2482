"""A learning curve of an evaluation task, measured every so many words while the run trains."""

from __future__ import annotations

from babyllama import console
from babyllama.config import Config
from babyllama.evaluation import LoadedModel
from babyllama.evaluation.tasks import Task, configured_tasks
from babyllama.runs import ModelPlace
from babyllama.runs.rows import RowsFile
from babyllama.training.hooks.base import Hook, RunningTrainer

PAIRS_PER_PARADIGM = 20
"""Most minimal pairs of each paradigm that a curve is measured on."""


def curve_task(config: Config, name: str) -> Task:
    """The task of a curve as the configuration sets it; of minimal pairs a small fixed part, in fp32."""
    (task,) = configured_tasks(config, [name])
    changes: dict[str, object] = {"dtype": "fp32"}
    if "pairs_per_paradigm" in type(task.settings).model_fields:
        changes["pairs_per_paradigm"] = min(
            config.evaluation.pairs_per_paradigm or PAIRS_PER_PARADIGM, PAIRS_PER_PARADIGM
        )
    if "eval_text" in type(task.settings).model_fields:
        changes["eval_text"] = config.data.eval_path
    return type(task)(task.settings.model_copy(update=changes))


def curve_columns(task: Task) -> tuple[str, ...]:
    """Columns of `<task>_curve.csv`."""
    return ("step", "words_seen", "tokens_seen", *task.curve_columns)


class TaskCurve(Hook):
    """Measures in the first process and writes `<task>_curve.csv`; the others wait for it at their next exchange."""

    def __init__(self, config: Config, task: Task, every: int, file: RowsFile | None) -> None:
        """Read the data; DataError where there are none, before training has begun."""
        self.task, self.every, self.file, self.name = task, every, file, config.model.name
        self.data = task.data(None)

    def after_step(self, trainer: RunningTrainer, step: int) -> None:
        """Measure when this step has passed a multiple of `every` words."""
        journal = trainer.journal
        words = journal.state.words_seen
        if (words - journal.step_words) // self.every == words // self.every or self.file is None:
            return
        journal.clock.training(False)
        model = trainer.model
        model.eval()
        with trainer.saver.shipped(model):
            loaded = LoadedModel(model, trainer.saver.tokenizer, ModelPlace(self.name), trainer.args.device)
            result = self.task.score(loaded, self.data)
        model.train()
        values = result.curve()
        self.file.append({"step": step, "words_seen": words, "tokens_seen": journal.state.tokens_seen, **values})
        trainer.tell({f"{result.kind}_{name}": value for name, value in values.items()} | {"words_seen": words})
        console.say(f"step {step}: {words:,} words seen, {self.task.name}: {result.in_one_line()}")
        journal.clock.training(True)
