"""All paradigms of the synthetic minimal pairs, each on a word combination that no training document contains."""

from babyllama.synthetic.paradigms_agreement import AGREEMENT
from babyllama.synthetic.paradigms_structure import STRUCTURE

PARADIGMS = (*AGREEMENT, *STRUCTURE)
