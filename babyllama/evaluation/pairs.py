"""Minimal pairs: reading BLiMP's JSON lines, from a folder or from the Hub.

Format of Warstadt et al. (2020), doi:10.1162/tacl_a_00321: one object per line with `sentence_good`,
`sentence_bad`, `UID` (the paradigm), `field`, `linguistics_term` and `pairID`. A file without UID, field and
term (BLiMP supplement, one's own test set) is one paradigm named after the file.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from babyllama.artifacts import MANIFEST_NAME, Manifest
from babyllama.errors import DataError

HUB_BLIMP = "nyu-mll/blimp"
DEFAULT_FOLDERS = ("data/blimp", "data/blimp_synthetic")
BLIMP_NAME = "blimp"
SYNTHETIC_NAME = "blimp_synthetic"

# The 67 paradigms by field and phenomenon (term), after Warstadt et al. (2020), tables 2 and 4. The files
# call two paradigms' term "s-selection", which the paper counts under argument structure: 12 phenomena.
_PARADIGMS = {
    ("morphology", "anaphor_agreement"): "anaphor_gender_agreement anaphor_number_agreement",
    ("morphology", "determiner_noun_agreement"): (
        "determiner_noun_agreement_1 determiner_noun_agreement_2 determiner_noun_agreement_irregular_1 "
        "determiner_noun_agreement_irregular_2 determiner_noun_agreement_with_adj_2 "
        "determiner_noun_agreement_with_adj_irregular_1 determiner_noun_agreement_with_adj_irregular_2 "
        "determiner_noun_agreement_with_adjective_1"
    ),
    ("morphology", "irregular_forms"): "irregular_past_participle_adjectives irregular_past_participle_verbs",
    ("morphology", "subject_verb_agreement"): (
        "distractor_agreement_relational_noun distractor_agreement_relative_clause "
        "irregular_plural_subject_verb_agreement_1 irregular_plural_subject_verb_agreement_2 "
        "regular_plural_subject_verb_agreement_1 regular_plural_subject_verb_agreement_2"
    ),
    ("semantics", "npi_licensing"): (
        "matrix_question_npi_licensor_present npi_present_1 npi_present_2 only_npi_licensor_present "
        "sentential_negation_npi_licensor_present"
    ),
    ("semantics", "quantifiers"): (
        "existential_there_quantifiers_1 existential_there_quantifiers_2 superlative_quantifiers_1 "
        "superlative_quantifiers_2"
    ),
    ("syntax", "argument_structure"): (
        "animate_subject_passive animate_subject_trans causative drop_argument inchoative intransitive "
        "passive_1 passive_2 "
        "transitive"
    ),
    ("syntax", "ellipsis"): "ellipsis_n_bar_1 ellipsis_n_bar_2",
    ("syntax", "filler_gap_dependency"): (
        "wh_questions_object_gap wh_questions_subject_gap wh_questions_subject_gap_long_distance "
        "wh_vs_that_no_gap "
        "wh_vs_that_no_gap_long_distance wh_vs_that_with_gap wh_vs_that_with_gap_long_distance"
    ),
    ("syntax", "island_effects"): (
        "adjunct_island complex_NP_island coordinate_structure_constraint_complex_left_branch "
        "coordinate_structure_constraint_object_extraction left_branch_island_echo_question "
        "left_branch_island_simple_question sentential_subject_island wh_island"
    ),
    ("syntax_semantics", "binding"): (
        "principle_A_c_command principle_A_case_1 principle_A_case_2 principle_A_domain_1 "
        "principle_A_domain_2 "
        "principle_A_domain_3 principle_A_reconstruction"
    ),
    ("syntax_semantics", "control_raising"): (
        "existential_there_object_raising existential_there_subject_raising expletive_it_object_raising "
        "tough_vs_raising_1 "
        "tough_vs_raising_2"
    ),
    ("syntax_semantics", "npi_licensing"): "only_npi_scope sentential_negation_npi_scope",
}
BLIMP_PARADIGMS: dict[str, tuple[str, str]] = {uid: key for key, uids in _PARADIGMS.items() for uid in uids.split()}
"""UID -> (field, term) of the 67 paradigms."""
BLIMP_PAIRS_PER_PARADIGM = 1000
"""Pairs of each of them in the published set."""


@dataclass(frozen=True)
class Pair:
    """An acceptable sentence, an unacceptable one, and what they test."""

    uid: str
    """The paradigm."""
    pair_id: str
    """Unique within its paradigm."""
    good: str
    bad: str
    field: str
    term: str


@dataclass(frozen=True)
class PairSet:
    """Minimal pairs, what they are called in reports, and which paradigms are missing from BLiMP's 67."""

    name: str
    """`blimp`, `blimp_synthetic`, or the name of the user's folder."""
    pairs: list[Pair]
    missing: list[str]
    """Paradigms of BLiMP that are not there; empty for other sets."""
    source: str
    """Folder or Hub name."""
    size: int = 0
    """Pairs in the whole set: BLiMP's 67,000 whatever part of it is here, else those of the folder."""

    @property
    def paradigms(self) -> list[str]:
        """UIDs in order of appearance."""
        return list(dict.fromkeys(pair.uid for pair in self.pairs))

    def subset(self, per_paradigm: int, seed: int) -> PairSet:
        """`per_paradigm` pairs of each paradigm (all, where there are fewer), drawn with `seed`, in their old
        order.

        The draw of a paradigm depends on its name and the seed alone, so that a subset stays the same when
        files join.
        """
        kept: list[Pair] = []
        for uid in self.paradigms:
            pairs = [pair for pair in self.pairs if pair.uid == uid]
            chosen = random.Random(f"{seed}:{uid}").sample(range(len(pairs)), min(per_paradigm, len(pairs)))
            kept += [pairs[index] for index in sorted(chosen)]
        return replace(self, pairs=kept)


def default_pair_folder(root: Path | None = None) -> Path:
    """data/blimp, else data/blimp_synthetic, below `root`; DataError naming both when neither is there."""
    root = root or Path()
    for folder in DEFAULT_FOLDERS:
        if (root / folder).is_dir() and any((root / folder).glob("*.jsonl")):
            return root / folder
    raise DataError(
        f"no minimal pairs: neither {DEFAULT_FOLDERS[0]}/ nor {DEFAULT_FOLDERS[1]}/ holds .jsonl files. Put "
        "BLiMP's files "
        f"into {DEFAULT_FOLDERS[0]}/, name a folder with --blimp-data DIR, take --blimp-data {HUB_BLIMP} "
        "from the Hub, or "
        "run create_synthetic_data.py."
    )


def read_pairs(source: str | Path) -> PairSet:
    """The minimal pairs in a folder of .jsonl files, in one .jsonl file, or in the Hub data set
    `nyu-mll/blimp`.

    DataError when there are none, when a line is broken (file and line named), when a sentence is empty, or
    when a pair id occurs twice in a paradigm.
    """
    path = Path(source)
    if path.is_dir():
        files = sorted(file for file in path.glob("*.jsonl") if not file.name.startswith("."))
        if not files:
            raise DataError(f"{path} holds no minimal-pair files (*.jsonl with sentence_good and sentence_bad).")
    elif path.is_file():
        files = [path]
    elif str(source) == HUB_BLIMP or (str(source).count("/") == 1 and not str(source).startswith(".")):
        return _named(str(source), list(_read_hub(str(source))), synthetic=False)
    else:
        raise DataError(f"no minimal pairs at {source}: there is no such folder.")
    pairs: list[Pair] = []
    for file in files:
        pairs += _read_file(file)
    if not pairs:
        raise DataError(f"the minimal-pair files in {path} are empty.")
    manifest = Manifest.read(path) if path.is_dir() and (path / MANIFEST_NAME).is_file() else None
    return _named(str(source), pairs, synthetic=manifest is not None and manifest.stage == "synthetic")


def _named(source: str, pairs: list[Pair], *, synthetic: bool) -> PairSet:
    present = {pair.uid for pair in pairs}
    genuine = not synthetic and present <= set(BLIMP_PARADIGMS)
    if genuine:
        name = BLIMP_NAME
    elif synthetic or Path(source).name == SYNTHETIC_NAME:
        name = SYNTHETIC_NAME
    else:
        folder = Path(source).resolve().name if Path(source).exists() else source.split("/")[-1]
        stem = Path(folder).stem if folder.endswith(".jsonl") else folder
        # Other pairs must never pass for BLiMP, whatever their folder is called.
        name = stem if stem.lower() != BLIMP_NAME else "custom_pairs"
    missing = [uid for uid in BLIMP_PARADIGMS if uid not in present] if genuine else []
    size = BLIMP_PAIRS_PER_PARADIGM * len(BLIMP_PARADIGMS) if genuine else len(pairs)
    return PairSet(name, pairs, missing, source, size)


def is_whole_blimp(pairs: Iterable[Pair]) -> bool:
    """Whether `pairs` are of all 67 paradigms, 1,000 of each: what alone may be published as BLiMP."""
    counts = Counter(pair.uid for pair in pairs)
    return counts == dict.fromkeys(BLIMP_PARADIGMS, BLIMP_PAIRS_PER_PARADIGM)


def _read_file(file: Path) -> list[Pair]:
    pairs: list[Pair] = []
    seen: dict[tuple[str, str], int] = {}
    number = 0
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                pair = _parse(line.decode("utf-8"), f"{file}, line {number}", file.stem, len(pairs))
                key = (pair.uid, pair.pair_id)
                if key in seen:
                    raise DataError(
                        f"{file}, line {number}: pairID {pair.pair_id!r} of {pair.uid} already stands in "
                        f"line {seen[key]}. "
                        "Remove the repeated pair, or give each pair its own pairID."
                    )
                seen[key] = number
                pairs.append(pair)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}, line {number}: not UTF-8 text ({error.reason} at byte {error.start} of the line)."
        ) from error
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror or error}.") from error
    return pairs


def _parse(line: str, where: str, stem: str, index: int) -> Pair:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(
            f"{where}: broken JSON ({error}). Each line is one object with sentence_good and sentence_bad."
        ) from error
    if not isinstance(row, dict):
        raise DataError(
            f"{where}: a JSON {type(row).__name__} instead of an object with sentence_good and sentence_bad."
        )
    return _pair(row, where, stem, index)


def _pair(row: dict[str, Any], where: str, stem: str, index: int) -> Pair:
    sentences = []
    for key in ("sentence_good", "sentence_bad"):
        value = row.get(key)
        if not isinstance(value, str):
            raise DataError(f"{where}: {'no' if key not in row else 'not a text in'} {key!r}.")
        if not value.strip():
            raise DataError(f"{where}: {key!r} is empty; an empty sentence has no probability. Remove the pair.")
        sentences.append(value)
    uid = str(row.get("UID") or stem)
    known = BLIMP_PARADIGMS.get(uid)
    if known is not None:
        field, term = known
    elif "field" in row or "linguistics_term" in row:
        field = str(row.get("field") or "other").replace("/", "_")
        term = str(row.get("linguistics_term") or "other")
    else:
        field = term = "supplement"
    identity = row.get("pairID", row.get("pair_id"))
    return Pair(uid, str(index if identity is None else identity), sentences[0], sentences[1], field, term)


def _read_hub(name: str) -> Iterable[Pair]:
    """Every configuration of a Hub data set in BLiMP's format (split `train`, one configuration per
    paradigm)."""
    import datasets

    try:
        configurations: Sequence[str] = datasets.get_dataset_config_names(name)
        for configuration in configurations:
            rows = datasets.load_dataset(name, configuration, split="train")
            for index, row in enumerate(rows):
                yield _pair(dict(row), f"{name}/{configuration}, row {index}", configuration, index)
    except DataError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"cannot read minimal pairs from the Hub data set {name}: {reason}. Is the name right and the "
            "Hub reachable? "
            "A local folder of BLiMP's .jsonl files works without the Hub."
        ) from error
