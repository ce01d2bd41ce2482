"""EWoK: which of two sentences about the world fits the context?

Ivanova et al. 2024, arXiv:2405.09605. Only the tokens of the target are scored. Rules of 2025: Target1 against Target2, both
given Context1. Rules of 2026: Target1 given Context1 against Target1 given Context2. The published files hold each item twice,
contexts and targets swapped.
"""

from __future__ import annotations

from pathlib import Path

from babyllama.evaluation.choices.items import Choice, Option
from babyllama.evaluation.choices.reading import read_rows, text_in
from babyllama.evaluation.suites.data import EWOK_WHERE
from babyllama.evaluation.suites.sizes import EWOK, EWOK_FAST
from babyllama.evaluation.tasks.babylm import ChoiceTask

_TEXTS = ("Domain", "Context1", "Context2", "Target1", "Target2")


class EwokTask(ChoiceTask):
    """Which sentence fits the context?"""

    name = "ewok"
    title = "EWoK: which sentence fits the context? (11 domains)"
    folders = ("ewok_filtered",)
    fast_folders = ("ewok_fast",)
    where = EWOK_WHERE
    full, small = EWOK, EWOK_FAST

    def read(self, folder: Path) -> list[Choice]:
        """One file a domain."""
        items = []
        for file in sorted(folder.glob(self.pattern)):
            for where, row in read_rows(file, _TEXTS):
                domain, context1, context2, target1, target2 = (text_in(row, name, where) for name in _TEXTS)
                if self.settings.year == 2025:
                    options = tuple(Option.after(context1, f" {target}") for target in (target1, target2))
                else:
                    # Both completions are the same words, so the prediction has to name the context as well.
                    options = tuple(
                        Option.after(context, " " + target1, prediction=f"{context} {target1}")
                        for context in (context1, context2)
                    )
                items.append(Choice(domain, options))
        return items
