"""All paradigms of the synthetic minimal pairs, each on a word combination that no training document contains."""

from babyllama.corpus.synthetic.paradigms_agreement import AGREEMENT
from babyllama.corpus.synthetic.paradigms_structure import STRUCTURE

PARADIGMS = (*AGREEMENT, *STRUCTURE)
