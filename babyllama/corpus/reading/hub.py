"""Hub data sets as sources: streamed by the `datasets` library, one document per row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from babyllama.artifacts import fingerprint_files, fingerprint_value
from babyllama.config.sections import SourceSection
from babyllama.corpus.reading.records import text_under
from babyllama.errors import DataError


def texts(section: SourceSection) -> Iterator[str]:
    """The rows' texts in order, streamed; a local folder that `datasets` can load works in place of a Hub
    name.

    Raises `DataError` for a name, split or column that is not there, and when the Hub cannot be reached.
    """
    import datasets

    place = f"{section.hub!r}, split {section.split!r}"
    try:
        rows = datasets.load_dataset(section.hub, section.config_name, split=section.split, streaming=True)
        for number, row in enumerate(rows):
            yield text_under(row, section.column, f"Hub data set {place}, row {number}").removeprefix("\ufeff")
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"cannot read Hub data set {place}: {reason}. Check name, `config_name` and `split`, and the network."
        ) from error


def fingerprint(section: SourceSection, known: str | None) -> str:
    """The data set's revision as one hash; when the Hub cannot be asked, `known` (what a manifest recorded)
    stands.
    """
    name = str(section.hub)
    chosen = [name, section.config_name, section.split, section.column]
    if Path(name).is_dir():
        files = sorted(file for file in Path(name).rglob("*") if file.is_file())
        return fingerprint_value([*chosen, fingerprint_files(files)])
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError  # of whichever HTTP library it uses

    try:
        return fingerprint_value([*chosen, HfApi().dataset_info(name).sha])
    except (OSError, HTTPError):
        return known or fingerprint_value([*chosen, "revision not known"])
