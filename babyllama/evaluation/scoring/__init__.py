"""Log-probabilities of token sequences: under a causal model (every shared prefix read once), under a masked one."""

from babyllama.evaluation.scoring.causal import CausalScorer
from babyllama.evaluation.scoring.masked import MaskedScorer
from babyllama.evaluation.scoring.sequences import Encoded, Progress

__all__ = ["CausalScorer", "Encoded", "MaskedScorer", "Progress"]
