"""WUG: how do people, and how does a model, inflect words that do not exist? (suite of 2025)

Adjectives: Hofmann et al. 2024, arXiv:2411.07990; past tense: Weissweiler et al. 2023, arXiv:2310.15113. A soft-max over the
summed log-probabilities of the forms gives the probability of the first; the score is its Spearman correlation with the share
of people that chose it.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from babyllama.errors import DataError
from babyllama.evaluation.choices.agreement import AgreementResult
from babyllama.evaluation.choices.items import Choice, Option
from babyllama.evaluation.choices.reading import read_rows, text_in
from babyllama.evaluation.suites.sizes import WUG_ADJ, WUG_PAST
from babyllama.evaluation.tasks.babylm import ChoiceTask


class _WugTask(ChoiceTask):
    result = AgreementResult  # type: ignore[misc]
    curve_columns = ("items", "spearman")
    fast_differs = False
    forms: ClassVar[int]
    """Forms of each word."""

    def read(self, folder: Path) -> list[Choice]:
        """Sentences parted by tabs, one for each form."""
        items = []
        for file in sorted(folder.glob(self.pattern)):
            for where, row in read_rows(file, ("sentences", "ratio")):
                sentences = text_in(row, "sentences", where).split("\t")
                if len(sentences) != self.forms or not all(sentences):
                    raise DataError(f"{where}: {len(sentences)} sentences parted by tabs, where {self.forms} belong.")
                if (
                    isinstance(row["ratio"], bool)
                    or not isinstance(row["ratio"], int | float)
                    or not 0 <= row["ratio"] <= 1
                ):
                    raise DataError(f"{where}: 'ratio' {row['ratio']!r} is no share from 0 to 1.")
                items.append(Choice(self.name, tuple(map(Option, sentences)), human=float(row["ratio"])))
        return items


class WugAdjectiveTask(_WugTask):
    """-ity or -ness?"""

    name = "wug_adj"
    title = "WUG: nouns of adjectives that do not exist (2025)"
    folders = ("wug_adj_nominalization",)
    forms = 2
    full = WUG_ADJ


class WugPastTask(_WugTask):
    """Which past tense?"""

    name = "wug_past"
    title = "WUG: past tense of verbs that do not exist (2025)"
    folders = ("wug_past_tense",)
    forms = 3
    full = WUG_PAST
