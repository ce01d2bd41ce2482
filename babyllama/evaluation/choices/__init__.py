"""Multiple choice by continuation: a prefix, several completions, and only the completion's tokens are scored."""

from babyllama.evaluation.choices.items import Choice, ChoiceSet, Option
from babyllama.evaluation.choices.scoring import ChoiceScores, score_choices

__all__ = ["Choice", "ChoiceScores", "ChoiceSet", "Option", "score_choices"]
