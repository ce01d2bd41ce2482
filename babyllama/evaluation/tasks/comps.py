"""COMPS: does a property fit one concept better than another?

Misra et al. 2023, aclanthology 2023.eacl-main.213. The property phrase alone is scored after either prefix; mean of the four files.
"""

from __future__ import annotations

from pathlib import Path

from babyllama.errors import DataError
from babyllama.evaluation.choices.items import Choice, Option
from babyllama.evaluation.choices.reading import read_rows, text_in
from babyllama.evaluation.suites.sizes import COMPS
from babyllama.evaluation.tasks.babylm import ChoiceTask
from babyllama.text import listed

UIDS = {
    "comps_base": "base",
    "comps_wugs": "wugs",
    "comps_wugs_dist-before": "wugs_dist_before",
    "comps_wugs_dist-in-between": "wugs_dist_in_between",
}
"""Stem of a file -> what its items count as."""
_TEXTS = ("prefix_acceptable", "prefix_unacceptable", "property_phrase")


class CompsTask(ChoiceTask):
    """Whose property is it?"""

    name = "comps"
    title = "COMPS: whose property is it? (four files; not in the fast set)"
    folders = ("comps",)
    fast_differs = False
    full = COMPS

    def read(self, folder: Path) -> list[Choice]:
        """The four files; DataError for another one, which would count as a fifth."""
        items = []
        for file in sorted(folder.glob(self.pattern)):
            if file.stem not in UIDS:
                raise DataError(
                    f"{file} is no file of COMPS ({listed([f'{stem}.jsonl' for stem in UIDS], 4)}). Move it away."
                )
            for where, row in read_rows(file, _TEXTS):
                good, bad, phrase = (text_in(row, name, where) for name in _TEXTS)
                options = tuple(
                    Option.after(f"{prefix} ", phrase, prediction=f"{prefix} {phrase}") for prefix in (good, bad)
                )
                items.append(Choice(UIDS[file.stem], options))
        return items
