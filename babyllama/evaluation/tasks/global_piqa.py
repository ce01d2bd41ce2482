"""Global PIQA: which solution does what is asked for? (suite of 2026)

Chang et al. 2025, arXiv:2510.24081, its English part. The one task whose score is divided by the number of completion tokens; mean of
the parallel set (four solutions) and the other (two).
"""

from __future__ import annotations

from pathlib import Path

from babyllama.errors import DataError
from babyllama.evaluation.choices.items import Choice, Option
from babyllama.evaluation.choices.reading import read_rows, text_in
from babyllama.evaluation.suites.sizes import GLOBAL_PIQA
from babyllama.evaluation.tasks.babylm import ChoiceTask
from babyllama.evaluation.tasks.base import NoData


class GlobalPiqaTask(ChoiceTask):
    """Which solution works?"""

    name = "global_piqa"
    title = "Global PIQA: which solution works? (2026)"
    folders = ("global_piqa_parallel",)
    reduction = "mean"
    fast_differs = False
    full = GLOBAL_PIQA

    def folder(self) -> Path:
        """The folder above those of the two sets."""
        found = super().folder().parent
        if not (found / "global_piqa_nonparallel").is_dir():
            raise NoData(
                f"one half of its data is missing: no folder global_piqa_nonparallel/ in {found}. {self.where}."
            )
        return found

    def read(self, folder: Path) -> list[Choice]:
        """Both sets; the name of a set is its UID."""
        return [
            _choice(uid, where, row)
            for uid in self.full
            for file in sorted((folder / uid).glob(self.pattern))
            for where, row in read_rows(file, ("prompt", "solution0", "solution1", "label"))
        ]


def _choice(uid: str, where: str, row: dict[str, object]) -> Choice:
    prompt = text_in(row, "prompt", where)
    columns = [name for name in ("solution0", "solution1", "solution2", "solution3") if row.get(name) is not None]
    options = tuple(Option.after(prompt, " " + text_in(row, name, where)) for name in columns)
    label = row["label"]
    if not isinstance(label, int) or not 0 <= label < len(options):
        raise DataError(f"{where}: 'label' {label!r} names none of the {len(options)} solutions.")
    return Choice(uid, options, label)
