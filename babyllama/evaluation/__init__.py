"""Token scoring, minimal pairs, perplexity, generation: returns results, draws nothing."""

from babyllama.config.tables import PROTOCOLS
from babyllama.evaluation.generation import generate
from babyllama.evaluation.models import LoadedModel, load_model
from babyllama.evaluation.pair_results import MinimalPairResults
from babyllama.evaluation.pair_scoring import score_minimal_pairs
from babyllama.evaluation.pairs import read_pairs
from babyllama.evaluation.perplexity import PerplexityResult, perplexity
from babyllama.evaluation.quality import generation_quality
from babyllama.evaluation.runner import run_evaluations

__all__ = [
    "PROTOCOLS",
    "LoadedModel",
    "MinimalPairResults",
    "PerplexityResult",
    "generate",
    "generation_quality",
    "load_model",
    "perplexity",
    "read_pairs",
    "run_evaluations",
    "score_minimal_pairs",
]
