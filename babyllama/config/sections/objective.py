"""Settings of the objectives that hide tokens."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from babyllama.config.types import Fraction, Optional_, Positive, Section

Span = Annotated[int, Field(gt=0, le=1 << 16)]


class ObjectiveSection(Section):
    """Masked rows of `training.objective: hybrid` and `masked`: read in both directions, hidden tokens predicted."""

    masked_share: Fraction = 0.2
    """Part of the rows that is masked, the others being causal (`hybrid`; in `masked` it is all of them)."""
    masked_share_end: Annotated[Fraction | None, Optional_] = None
    """What `masked_share` has become, in a straight line, at the end of the run; null keeps it."""
    masked_weight: Positive = 1.0
    """Weight of a hidden token's loss beside that of a token in a causal row."""
    mask_rate: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Part of the tokens of a masked row that is hidden."""
    mask_rate_end: Annotated[Annotated[float, Field(gt=0, le=1)] | None, Optional_] = 0.15
    """What `mask_rate` has become, in a straight line, at the end of the run; null keeps it."""
    shortest_span: Span = 1
    """Fewest neighbouring tokens that are hidden together."""
    longest_span: Span = 3
    """Most neighbouring tokens that are hidden together."""
    mask_token_share: Fraction = 0.8
    """Part of the hidden tokens that `<mask>` stands for,"""
    random_token_share: Fraction = 0.1
    """and part that a random token stands for; the rest is left as it is, and predicted all the same."""
