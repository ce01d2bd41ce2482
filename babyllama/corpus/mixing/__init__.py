"""Several sources become one training text: round-robin, budgets, deduplication, held-out text."""

from babyllama.corpus.mixing.mixer import mix
from babyllama.corpus.mixing.report import MixReport

__all__ = ["MixReport", "mix"]
