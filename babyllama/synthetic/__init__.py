"""English-like text and minimal pairs from a seeded grammar.

nouns, predicates       the words, as data
clauses, plots          the grammar of sentences and of stories, as data
inflection, vocabulary  word forms; the words of one complexity and which combinations are held out
grammar, worlds         from rules to sentence skeletons; the words a document may draw
stories                 the stream of documents
pairs, paradigms        minimal pairs on held-out combinations
build                   the folders on disk
"""

from babyllama.synthetic.build import (
    DEV_FOLDER,
    PAIRS_FOLDER,
    STAGE,
    TRAIN_FOLDER,
    SyntheticReport,
    synthesize,
)
from babyllama.synthetic.vocabulary import COMPLEXITIES

__all__ = [
    "COMPLEXITIES",
    "DEV_FOLDER",
    "PAIRS_FOLDER",
    "STAGE",
    "TRAIN_FOLDER",
    "SyntheticReport",
    "synthesize",
]
