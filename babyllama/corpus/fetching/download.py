"""Bringing a data set of the catalog: files from the Hub, each checked against the Hub's own checksum.

A file grows as `.part-NAME` beside the place it goes to and is renamed when its checksum is right, so a break at any moment
costs no more than the last megabytes. What was brought, and from which revision, stands in `.fetched.json` of the folder.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from babyllama import console
from babyllama.artifacts import atomic_file, damaged_file, file_facts, read_sealed, sole_builder, write_sealed
from babyllama.corpus.fetching.catalog import DataSet, Part
from babyllama.corpus.fetching.hub import checksum, endpoint, first_line, is_out_of_reach
from babyllama.corpus.fetching.origin import RECORD
from babyllama.errors import DataError, RunError
from babyllama.text import file_size, plural

SECONDS = 10
"""After which a Hub that does not answer counts as out of reach."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a Hub repository."""

    name: str
    bytes: int
    sha256: str | None
    """Of large files; the others are known by `git_sha1`."""
    git_sha1: str

    def is_right(self, path: Path) -> bool:
        """Does the file at `path` hold what the Hub says it should?"""
        if path.stat().st_size != self.bytes:
            return False
        with path.open("rb") as stream:
            found = checksum(iter(lambda: stream.read(1 << 20), b""), self.bytes, large=self.sha256 is not None)
        return found == (self.sha256 or self.git_sha1)


@dataclass(frozen=True)
class Listing:
    """What the Hub says of a repository."""

    revision: str
    licence: str
    files: list[RemoteFile]


def fetch(data: DataSet, root: Path = Path("data"), *, overwrite: bool = False) -> list[Path]:
    """Bring every part of `data` below `root`; the folders. What is here already is checked and kept.

    DataError when the Hub is out of reach, gives no such data set, or gives bytes of another checksum, and when files of
    another content are in the way (`overwrite` replaces them).
    """
    folders = []
    for part in data.parts:
        folder = root / part.folder
        folders.append(folder)
        with sole_builder(folder):
            record = _record(folder, part)
            if record["whole"] and not overwrite:
                console.say(f"{folder}: up to date ({part.repository}, revision {record['revision'][:12]})")
            else:
                _fetch_part(data, part, folder, record, overwrite=overwrite)
    return folders


def _record(folder: Path, part: Part) -> dict[str, Any]:
    """What an earlier call brought and nobody has changed since: its revision, its files, and whether that is all."""
    try:
        record = read_sealed(folder / RECORD)
    except (RunError, OSError):
        record = {}
    if record.get("repository") != part.repository:
        return {"revision": None, "files": {}, "whole": False}
    kept = {name: facts for name, facts in record["files"].items() if damaged_file(folder, {name: facts}) is None}
    return {**record, "files": kept, "whole": record["whole"] and len(kept) == len(record["files"])}


def _fetch_part(data: DataSet, part: Part, folder: Path, own: dict[str, Any], *, overwrite: bool) -> None:
    listing = _listing(data, part)
    names = {file.name: _safe(part.target(file.name), part) for file in listing.files}
    console.say(
        f"{part.repository}: {plural(len(listing.files), 'file')}, {file_size(sum(file.bytes for file in listing.files))}, "
        f"licence: {listing.licence}\n  from {part.page} (revision {listing.revision[:12]})\n  into {folder}"
    )
    missing = [file for file in listing.files if not _is_here(file, names[file.name], part, listing, folder, own)]
    for file in missing:
        target = folder / names[file.name]
        if target.exists() and names[file.name] not in own["files"] and not overwrite:
            raise DataError(
                f"{target} is there and is not what {part.page} holds. Move it away, or replace it with --overwrite."
            )
    here = [names[file.name] for file in listing.files if file not in missing]
    record: dict[str, Any] = {
        "repository": part.repository,
        "revision": listing.revision,
        "licence": listing.licence,
        "whole": False,
    }
    record["files"] = file_facts(folder, here)
    for number, file in enumerate(missing, start=1):
        target = folder / names[file.name]
        console.say(f"  {number}/{len(missing)} {names[file.name]}, {file_size(file.bytes)}")
        raw = target.with_name(f".{target.stem}.parquet") if part.converted else target
        _download(data, part, listing.revision, file, raw)
        if part.converted:
            _rows_to_lines(raw, target)
            raw.unlink()
        record["files"] |= file_facts(folder, [names[file.name]])
        write_sealed(folder / RECORD, record)
    write_sealed(folder / RECORD, {**record, "whole": True})
    console.say(f"{folder}: {plural(len(names), 'file')}, checksums right")


def _is_here(file: RemoteFile, name: str, part: Part, listing: Listing, folder: Path, own: dict[str, Any]) -> bool:
    """Does `folder` hold this file as the Hub has it now?"""
    if name in own["files"] and own["revision"] == listing.revision:
        return True
    return not part.converted and (folder / name).is_file() and file.is_right(folder / name)


def _safe(name: str, part: Part) -> str:
    """`name` if it is a path below the folder it goes to."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise DataError(f"{part.page} names a file {name!r}, which leads out of the folder; nothing was fetched.")
    return name


def _listing(data: DataSet, part: Part) -> Listing:
    """Revision, licence and files of a part, from the Hub."""
    from huggingface_hub import HfApi

    with _told_in_one_line(data, part):
        info = HfApi(endpoint=endpoint()).dataset_info(part.repository, files_metadata=True, timeout=SECONDS)
        card = info.card_data.to_dict() if info.card_data else {}
    files = [
        RemoteFile(one.rfilename, one.size or 0, one.lfs.sha256 if one.lfs else None, one.blob_id or "")
        for one in info.siblings or ()
        if part.wants(one.rfilename)
    ]
    if not files:
        raise DataError(f"{part.page} holds none of the files that {data.command} brings; look at {data.about}.")
    licence = card.get("license") or f"none stated; see {part.page}"
    return Listing(info.sha or "main", ", ".join(licence) if isinstance(licence, list) else str(licence), files)


def _download(data: DataSet, part: Part, revision: str, file: RemoteFile, target: Path) -> None:
    """Bring one file to `target`, from where an earlier call broke off. DataError when its checksum is wrong."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers, disable_progress_bars

    disable_progress_bars()
    url = hf_hub_url(part.repository, file.name, repo_type="dataset", revision=revision, endpoint=endpoint())
    growing = target.with_name(f".part-{(file.sha256 or file.git_sha1)[:16]}")
    target.parent.mkdir(parents=True, exist_ok=True)
    if growing.exists() and growing.stat().st_size > file.bytes:
        growing.unlink()
    with _told_in_one_line(data, part), growing.open("ab") as stream:
        done = stream.seek(0, os.SEEK_END)
        if done:
            console.say(f"    going on after {file_size(done)}")
        with console.progress(target.name, total=file.bytes, done=done) as bar:
            http_get(url, _Counted(stream, bar), resume_size=done, headers=build_hf_headers(), expected_size=file.bytes)
        os.fsync(stream.fileno())
    if not file.is_right(growing):
        growing.unlink()
        raise DataError(
            f"{file.name} of {part.page} came with another checksum than the Hub gives for it, so it was thrown away. "
            f"Run `{data.command}` again; if it stays so, something between here and the Hub changes what it sends."
        )
    growing.replace(target)


class _Counted:
    """A file that moves a progress bar as it is written."""

    def __init__(self, stream: Any, bar: console.Bar) -> None:
        self._stream, self._bar = stream, bar

    def write(self, data: bytes) -> int:
        written: int = self._stream.write(data)
        self._bar(self._stream.tell())
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _rows_to_lines(table: Path, target: Path) -> None:
    """A Parquet file as JSON lines."""
    from pyarrow import ArrowException, parquet

    try:
        rows = parquet.read_table(table).to_pylist()
    except (ArrowException, OSError) as error:
        raise DataError(f"{target.stem}: what the Hub sent is no Parquet file ({error}).") from error
    with atomic_file(target) as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def _told_in_one_line(data: DataSet, part: Part) -> Iterator[None]:
    """What the Hub or the way to it does wrong, as one DataError that says what to do."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError

    page, command = part.page, data.command
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise DataError(
            f"offline: HF_HUB_OFFLINE is set, so nothing was fetched. Unset it, or run `{command}` where there is a network "
            f"and copy the folder ({page})."
        ) from error
    except GatedRepoError as error:
        raise DataError(
            f"{page} must be asked for: accept its terms on that page, then `hf auth login` and `{command}`."
        ) from error
    except RepositoryNotFoundError as error:
        raise DataError(f"the Hub gives no data set at {page} (moved, or not public); look at {data.about}.") from error
    except HfHubHTTPError as error:
        raise DataError(
            f"the Hub refused ({first_line(error)}). Run `{command}` again later; it goes on where it stopped."
        ) from error
    except Exception as error:
        if not is_out_of_reach(error):
            raise
        raise DataError(
            f"the Hub is out of reach, or the connection broke ({first_line(error)}). What has come is kept: run "
            f"`{command}` again when there is a network, or elsewhere and copy the folder ({page}). Without one, "
            "`babyllama synthesize` makes text and pairs."
        ) from error
