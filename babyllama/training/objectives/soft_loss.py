"""The loss of distillation per target token, from logits and gradient in one pass over a chunk.

    loss = alpha * cross-entropy + (1 - alpha) * T^2 * KL(teachers || student)

with both distributions at temperature T (Hinton et al. 2015, arXiv:1503.02531; T^2 keeps the size of the soft gradients).
As a mean over target tokens, alpha means the same at every sequence length and under accumulation.

Shapes: n positions of a chunk, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Divergence = Literal["forward", "reverse"]


@dataclass(frozen=True)
class SoftOptions:
    """How student and teachers are compared."""

    alpha: float
    """Weight of the hard loss."""
    temperature: float
    divergence: Divergence = "forward"
    """`forward` is KL(teachers || student), which covers what teachers hold possible; `reverse` is KL(student || teachers),
    which avoids what they hold impossible (Gu et al. 2024, arXiv:2306.08543)."""
    token_weight: float = 1.0
    """Weight of a token's soft loss: 1 as a mean over tokens; the targets of a row for the published sum over the row."""

    @property
    def soft_weight(self) -> float:
        """What a token's divergence is multiplied by."""
        return (1 - self.alpha) * self.temperature**2 * self.token_weight


def soft_loss(logits_nV: Tensor, log_p_nV: Tensor, valid_n: Tensor, options: SoftOptions) -> tuple[Tensor, Tensor]:
    """KL per position [n] in nats (0 where not valid) and its gradient by the student's logits [n, V], both at T.

    `log_p_nV` is ln of the teachers' distribution.
    """
    log_q_nV = torch.log_softmax(logits_nV.float() / options.temperature, dim=1)
    if options.divergence == "forward":
        p_nV = log_p_nV.exp()
        divergence_n = (p_nV * (log_p_nV - log_q_nV)).sum(1)
        gradient_nV = log_q_nV.exp_().sub_(p_nV)
    else:
        ratio_nV = log_q_nV - log_p_nV
        q_nV = log_q_nV.exp_()
        divergence_n = (q_nV * ratio_nV).sum(1)
        gradient_nV = q_nV.mul_(ratio_nV - divergence_n.unsqueeze(1))
    gradient_nV.div_(options.temperature).mul_(valid_n.unsqueeze(1))
    return torch.where(valid_n, divergence_n, 0.0), gradient_nV
