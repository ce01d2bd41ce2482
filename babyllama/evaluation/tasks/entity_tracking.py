"""Entity tracking: what is in the box after some operations?

Kim and Schuster 2023, aclanthology 2023.acl-long.213. Five options continue `input_prefix`, the first is right. The rules of 2026
drop every item with an option that says "nothing". Mean over numbers of operations in a file, then over files; the fast set is
the file `regular`.
"""

from __future__ import annotations

from pathlib import Path

from babyllama.errors import DataError
from babyllama.evaluation.choices.items import Choice, Option
from babyllama.evaluation.choices.reading import read_rows, text_in
from babyllama.evaluation.suites.sizes import ENTITY_TRACKING, ENTITY_TRACKING_FILTERED
from babyllama.evaluation.tasks.babylm import ChoiceTask

FILES = ("regular", "ambiref", "move_contents")
_COLUMNS = ("input_prefix", "options", "numops")


class EntityTrackingTask(ChoiceTask):
    """What is in the box?"""

    name = "entity_tracking"
    title = "entity tracking: what is in the box after some operations?"
    # Whether a folder holds the files of 2025 or the filtered ones, what is left after the filter is the same.
    folders = ("entity_tracking", "entity_tracking_filtered", "entity_tracking_fast")

    def read(self, folder: Path) -> list[Choice]:
        """One file each of regular, ambiref and move_contents; the first alone for the fast set."""
        wanted = FILES[:1] if self.fast else FILES
        items = []
        for file in (folder / f"{name}.jsonl" for name in wanted):
            if file.is_file():
                items += _read_file(file)
        if self.settings.year == 2025:
            if items and not any(_says_nothing(item) for item in items):
                raise DataError(
                    f'{folder} holds the filtered items of 2026 (no option says "nothing"), the rules of 2025 want all of them. '
                    "Name the data of 2025 with --data DIR, or use --suite babylm-2026."
                )
            return items
        return [item for item in items if not _says_nothing(item)]

    def published(self) -> dict[str, int]:
        """Items by file and number of operations."""
        sizes = ENTITY_TRACKING if self.settings.year == 2025 else ENTITY_TRACKING_FILTERED
        return {uid: n for uid, n in sizes.items() if not self.fast or uid.startswith(FILES[0])}


def _read_file(file: Path) -> list[Choice]:
    items = []
    for where, row in read_rows(file, _COLUMNS):
        prefix, answers, operations = text_in(row, "input_prefix", where), row["options"], row["numops"]
        if (
            not isinstance(answers, list)
            or len(answers) < 2
            or not all(isinstance(one, str) and one for one in answers)
        ):
            raise DataError(f"{where}: 'options' is no list of two texts or more.")
        options = tuple(Option.after(prefix, answer) for answer in answers)
        items.append(Choice(f"{file.stem}_{operations}_ops", options, file=file.stem))
    return items


def _says_nothing(item: Choice) -> bool:
    return any("nothing" in one.predicted for one in item.options)
