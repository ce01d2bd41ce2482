"""Minimal pairs: what they are, BLiMP's paradigms, and the formats they are read from."""

from babyllama.evaluation.pairs.blimp import BLIMP_PARADIGMS, is_whole_blimp
from babyllama.evaluation.pairs.formats import PAIR_FORMATS, PairFormat
from babyllama.evaluation.pairs.reading import HUB_BLIMP, default_pair_folder, read_pairs
from babyllama.evaluation.pairs.sets import BLIMP_NAME, MinimalPair, PairSet

__all__ = [
    "BLIMP_NAME",
    "BLIMP_PARADIGMS",
    "HUB_BLIMP",
    "PAIR_FORMATS",
    "MinimalPair",
    "PairFormat",
    "PairSet",
    "default_pair_folder",
    "is_whole_blimp",
    "read_pairs",
]
