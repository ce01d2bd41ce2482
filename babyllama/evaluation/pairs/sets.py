"""Minimal pairs and sets of them: what they are called, how large they are, and seeded parts of them."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from babyllama.artifacts import fingerprint_value
from babyllama.evaluation.pairs.blimp import BLIMP_PAIRS_PER_PARADIGM, BLIMP_PARADIGMS, is_whole_blimp
from babyllama.text import one_line

BLIMP_NAME = "blimp"
SYNTHETIC_NAME = "blimp_synthetic"


@dataclass(frozen=True)
class MinimalPair:
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
    pairs: list[MinimalPair]
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

    @property
    def is_part(self) -> bool:
        """Whether these are fewer than the whole set, or anything but BLiMP's 1,000 pairs of each paradigm."""
        if self.name == BLIMP_NAME:
            return not is_whole_blimp(pair.uid for pair in self.pairs)
        return len(self.pairs) < self.size

    @cached_property
    def fingerprint(self) -> str:
        """Of every pair and all that is known of it, whatever file it came from."""
        return fingerprint_value([[p.uid, p.pair_id, p.good, p.bad, p.field, p.term] for p in self.pairs])

    def subset(self, per_paradigm: int, seed: int) -> PairSet:
        """`per_paradigm` pairs of each paradigm (all, where there are fewer), drawn with `seed`, in their old
        order.

        The draw of a paradigm depends on its name and the seed alone, so that a subset stays the same when
        files join.
        """
        kept: list[MinimalPair] = []
        for uid in self.paradigms:
            pairs = [pair for pair in self.pairs if pair.uid == uid]
            chosen = random.Random(f"{seed}:{uid}").sample(range(len(pairs)), min(per_paradigm, len(pairs)))
            kept += [pairs[index] for index in sorted(chosen)]
        return replace(self, pairs=kept)


def named_set(source: str, pairs: list[MinimalPair], *, synthetic: bool) -> PairSet:
    """`pairs` under the name they may be reported by: only pairs of BLiMP's own paradigms are called BLiMP."""
    present = {pair.uid for pair in pairs}
    genuine = not synthetic and present <= set(BLIMP_PARADIGMS)
    if genuine:
        name = BLIMP_NAME
    elif synthetic or Path(source).name == SYNTHETIC_NAME:
        name = SYNTHETIC_NAME
    else:
        folder = Path(source).resolve().name if Path(source).exists() else source.split("/")[-1]
        stem = folder if Path(source).is_dir() else file_stem(folder)
        # Other pairs must never pass for BLiMP, whatever their folder is called.
        name = one_line(stem) if stem.lower() != BLIMP_NAME else "custom_pairs"
    missing = [uid for uid in BLIMP_PARADIGMS if uid not in present] if genuine else []
    size = BLIMP_PAIRS_PER_PARADIGM * len(BLIMP_PARADIGMS) if genuine else len(pairs)
    return PairSet(name, pairs, missing, source, size)


def file_stem(name: str) -> str:
    """A file's name without its suffixes: `agr` of agr.jsonl and agr.jsonl.gz, `passive_1 (1)` of the copy of a download."""
    stem = name.removesuffix(".gz")
    return Path(stem).stem
