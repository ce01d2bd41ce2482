"""Minimal pairs from a file, a folder or the Hub; everything that is wrong with them ends in one line.

Format of Warstadt et al. (2020), doi:10.1162/tacl_a_00321, by default: one object per line with `sentence_good`,
`sentence_bad`, `UID` (the paradigm), `field`, `linguistics_term` and `pairID`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from babyllama.artifacts import MANIFEST_NAME, Manifest, read_bytes
from babyllama.corpus.fetching import hint
from babyllama.errors import DamagedFileError, DataError
from babyllama.evaluation.pairs.blimp import BLIMP_PARADIGMS
from babyllama.evaluation.pairs.formats import PAIR_FORMATS, PairFormat
from babyllama.evaluation.pairs.sets import MinimalPair, PairSet, file_stem, named_set
from babyllama.text import one_line

HUB_BLIMP = "nyu-mll/blimp"
DEFAULT_FOLDERS = ("data/blimp", "data/blimp_synthetic")


def default_pair_folder(root: Path | None = None) -> Path:
    """data/blimp, else data/blimp_synthetic, below `root`; DataError naming both when neither is there."""
    root = root or Path()
    for folder in DEFAULT_FOLDERS:
        if (root / folder).is_dir() and _files(root / folder, PAIR_FORMATS.get("blimp")):
            return root / folder
    raise DataError(
        f"no minimal pairs: neither {DEFAULT_FOLDERS[0]}/ nor {DEFAULT_FOLDERS[1]}/ holds .jsonl files.{hint('blimp')} Or name a "
        "folder with --blimp-data DIR, or make pairs with `babyllama synthesize`."
    )


def read_pairs(
    source: str | Path,
    form: str = "blimp",
    *,
    good: str | None = None,
    bad: str | None = None,
    group: str | None = None,
) -> PairSet:
    """The minimal pairs in a file, in the files of a folder (and of the folders in it), or in a Hub data set.

    `form` is one of `PAIR_FORMATS`; `good`, `bad` and `group` name the columns of the sentences and of the paradigm where
    they are others. DataError when there are none, when a line is broken (file and line named), when a sentence is empty,
    when a pair id occurs twice in a paradigm, or when a pair stands in two files: it would count twice.
    """
    kind = PAIR_FORMATS.get(form).with_columns(good, bad, group)
    path = Path(source)
    if path.is_dir():
        files = _files(path, kind)
        if not files:
            raise DataError(_no_files(path, kind) + hint(path))
    elif path.exists():
        files = [path]
    elif str(source) == HUB_BLIMP or _could_be_hub_name(str(source)):
        return named_set(str(source), list(_read_hub(str(source), kind)), synthetic=False)
    else:
        raise DataError(f"no minimal pairs at {one_line(str(source))}: there is no such folder.{hint(path)}")
    pairs: list[MinimalPair] = []
    seen: dict[tuple[str, str], tuple[Path, str]] = {}
    for file in files:
        found = _read_file(file, kind, _stem(file, files))
        for pair in found:
            other, uid = seen.setdefault((pair.good, pair.bad), (file, pair.uid))
            # Two of BLiMP's own paradigms may share a pair; the copy of a file has its paradigm or one named after the copy.
            if other != file and (uid == pair.uid or not {uid, pair.uid} <= BLIMP_PARADIGMS.keys()):
                raise DataError(
                    f"{file} repeats a pair of {other} ({pair.good!r}): it would count twice. Remove one of the two files, or "
                    "the pair from one of them."
                )
        pairs += found
    if not pairs:
        raise DataError(f"the minimal-pair files in {path} are empty.")
    manifest = Manifest.read(path) if path.is_dir() and (path / MANIFEST_NAME).is_file() else None
    return named_set(str(source), pairs, synthetic=manifest is not None and manifest.stage == "synthetic")


def _files(folder: Path, kind: PairFormat) -> list[Path]:
    endings = tuple(ending for suffix in kind.suffixes for ending in (suffix, f"{suffix}.gz"))
    found = [file for file in folder.rglob("*") if file.name.lower().endswith(endings) and file.name != MANIFEST_NAME]
    hidden = {file for file in found if any(part.startswith(".") for part in file.relative_to(folder).parts)}
    return sorted(set(found) - hidden)


def _no_files(folder: Path, kind: PairFormat) -> str:
    endings = ", ".join(f"*{suffix}" for suffix in kind.suffixes)
    single = sorted(file.name for file in folder.glob("*.json") if file.name != MANIFEST_NAME)
    hint = f" Name {folder / single[0]} itself if it is one." if single and kind.rows is PairFormat.rows else ""
    others = [name for name, other in PAIR_FORMATS.items() if other.suffixes != kind.suffixes and _files(folder, other)]
    hint += f" There are files that --pair-format {' or '.join(others)} would read." if others else ""
    return f"{folder} holds no minimal-pair files ({endings}; format {kind.title}).{hint}"


def _could_be_hub_name(source: str) -> bool:
    """`owner/name`; a path below `data/`, or below a folder that exists here, is meant as a path."""
    return (
        source.count("/") == 1 and not source.startswith((".", "/", "~", "data/")) and not Path(source).parent.is_dir()
    )


def _stem(file: Path, files: Sequence[Path]) -> str:
    """The name of a paradigm that has none: the file's, with its folder's where two files have the same."""
    stem = file_stem(file.name)
    alone = sum(file_stem(other.name) == stem for other in files) == 1
    return one_line(stem if alone else f"{file.parent.name}/{stem}")


def _read_file(file: Path, kind: PairFormat, stem: str) -> list[MinimalPair]:
    pairs: list[MinimalPair] = []
    seen: dict[tuple[str, str], str] = {}
    for where, row in kind.rows(_text(file), str(file), stem):
        pair = kind.pair(row, where, stem, len(pairs))
        key = (pair.uid, pair.pair_id)
        if kind.unique and key in seen:
            raise DataError(
                f"{where}: pairID {pair.pair_id!r} of {pair.uid} already stands in {seen[key].rpartition(', ')[2]}. Remove the "
                "repeated pair, or give each pair its own pairID."
            )
        seen[key] = where
        pairs.append(pair)
    return pairs


def _text(file: Path) -> str:
    """The file's text, unpacked, without a byte-order mark."""
    try:
        data = read_bytes(file)
        if file.name.lower().endswith(".gz"):
            data = gzip.decompress(data)
    except DamagedFileError as error:
        raise DataError(str(error)) from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}.") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise DataError(f"{file}: not UTF-8 text but UTF-16. Save it as UTF-8.") from error
        line = data.count(b"\n", 0, error.start) + 1
        place = error.start - (data.rfind(b"\n", 0, error.start) + 1)
        raise DataError(f"{file}, line {line}: not UTF-8 text ({error.reason} at byte {place} of the line).") from error


def _read_hub(name: str, kind: PairFormat) -> Iterable[MinimalPair]:
    """Every configuration of a Hub data set (split `train`, one configuration per paradigm)."""
    import datasets

    try:
        configurations: Sequence[str] = datasets.get_dataset_config_names(name)
        for configuration in configurations:
            rows = datasets.load_dataset(name, configuration, split="train")
            for index, row in enumerate(rows):
                yield kind.pair(dict(row), f"{name}/{configuration}, row {index}", configuration, index)
    except DataError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"cannot read minimal pairs from the Hub data set {name}: {reason}. Is the name right and the Hub reachable? A local "
            "folder of BLiMP's .jsonl files works without the Hub; `babyllama fetch blimp` makes one."
        ) from error
