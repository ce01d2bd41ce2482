"""What is kept of the teachers' distribution at a position, and the soft loss from it.

A sample of K token ids estimates it without bias ("Sparse Logit Sampling", Anshumann et al. 2025, arXiv:2503.16870): each id
stands for 1/K of the mass, and as the soft loss is linear in the teachers' probabilities, loss and gradient of the estimate
are those of the whole distribution in expectation. The ids are drawn systematically (Madow 1949): K points, 1/K apart, with
one random start, are laid over the cumulated probabilities. So an id of probability p comes K*p times in expectation and
never a whole time more or less, which makes the estimate less noisy than K independent draws.

The named alternative keeps the K likeliest ids with their probabilities, and the rest of the mass as one outcome, the tail.
That is biased: the student learns how much mass the tail has and nothing of how it is shared, so among all other tokens it
keeps what it believed before, and its loss is smaller than the true divergence.

Shapes: n positions of a chunk, V vocabulary, K ids kept of a position.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from babyllama.dataset.packed import IGNORED
from babyllama.training.objectives.soft_loss import SoftOptions


@dataclass(frozen=True)
class Kept:
    """What is kept of the distribution at n positions: either a sample, or the likeliest ids with a tail."""

    ids_nK: Tensor
    """int64; in a sample an id may come several times, and each time counts 1/K."""
    entropy_n: Tensor | None = None
    """Of a sample: entropy of the whole distribution in nats, which makes a divergence of the cross-entropy."""
    probability_nK: Tensor | None = None
    """Of the likeliest ids: fp32 probabilities,"""
    tail_n: Tensor | None = None
    """and the probability of all others together."""


def draw(log_p_nV: Tensor, start_n: Tensor, count: int) -> Kept:
    """A sample of `count` ids of each distribution; `start_n` are numbers from [0, 1), drawn by chance once for a position."""
    p_nV = log_p_nV.exp()
    entropy_n = -(p_nV * log_p_nV).sum(1)
    # In fp64: of thousands of fp32 sums the last would be off by more than many a probability.
    reached_nV = p_nV.double().cumsum_(1)
    steps_K = torch.arange(count, device=p_nV.device, dtype=torch.float64)
    points_nK = (start_n.double().unsqueeze(1) + steps_K) / count * reached_nV[:, -1:]
    ids_nK = torch.searchsorted(reached_nV, points_nK, right=True).clamp_max_(p_nV.shape[1] - 1)
    return Kept(ids_nK, entropy_n=entropy_n)


def likeliest(log_p_nV: Tensor, count: int) -> Kept:
    """The `count` likeliest ids of each distribution."""
    log_p_nK, ids_nK = log_p_nV.topk(count, dim=1)
    # Added up, not taken away from 1: a small rest of 1 would be rounding.
    tail_n = log_p_nV.exp().scatter_(1, ids_nK, 0.0).sum(1)
    return Kept(ids_nK, probability_nK=log_p_nK.exp(), tail_n=tail_n)


def kept_soft_loss(logits_nV: Tensor, kept: Kept, valid_n: Tensor, options: SoftOptions) -> tuple[Tensor, Tensor]:
    """KL(teachers || student) per position [n] in nats (0 where not valid) and its gradient by the student's logits [n, V], both
    at T, from what is kept of the teachers."""
    scaled_nV = logits_nV if options.temperature == 1 else logits_nV.float() / options.temperature
    log_q_nV = torch.log_softmax(scaled_nV, dim=1, dtype=torch.float32)
    ids_nK, p_nK = kept.ids_nK, kept.probability_nK
    log_q_nK = log_q_nV.gather(1, ids_nK)
    gradient_nV = log_q_nV.exp_()
    factor_n = valid_n / options.temperature
    if p_nK is None:
        assert kept.entropy_n is not None
        divergence_n = -log_q_nK.mean(1) - kept.entropy_n
        gradient_nV.mul_(factor_n.unsqueeze(1))
        p_nK = torch.full_like(log_q_nK, 1 / ids_nK.shape[1])
    else:
        assert kept.tail_n is not None
        tiny = torch.finfo(torch.float32).tiny
        gradient_nV.scatter_(1, ids_nK, 0.0)
        tail_p_n, tail_q_n = kept.tail_n, gradient_nV.sum(1).clamp_min_(tiny)
        divergence_n = (p_nK * (p_nK.clamp_min(tiny).log() - log_q_nK)).sum(1)
        divergence_n += tail_p_n * (tail_p_n.clamp_min(tiny).log() - tail_q_n.log())
        # The gradient is q - p, where p shares the tail out as the student does.
        gradient_nV.mul_((factor_n * (1 - tail_p_n / tail_q_n)).unsqueeze(1))
        gradient_nV.scatter_(1, ids_nK, log_q_nK.exp() * factor_n.unsqueeze(1))
    gradient_nV.scatter_add_(1, ids_nK, -p_nK * factor_n.unsqueeze(1))
    return torch.where(valid_n, divergence_n, 0.0), gradient_nV


def sampled_objective(
    logits_nV: Tensor, targets_n: Tensor, kept: Kept, options: SoftOptions, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Cross-entropy and divergence, summed, and `scale` times the objective's gradient [n, V], from a sample.

    What `kept_soft_loss` gives beside a cross-entropy without smoothing or z-loss, in fewer passes over the logits: at temperature 1
    both losses are of the same student's distribution, and one soft-max does.
    """
    assert kept.entropy_n is not None
    valid_n, ids_nK, temperature = targets_n != IGNORED, kept.ids_nK, options.temperature
    soft = options.soft_weight / temperature
    scaled_n1 = (valid_n * scale).unsqueeze(1)
    targets_n1 = targets_n.clamp_min(0).unsqueeze(1)
    fp32_nV = logits_nV.float()
    log_q_nV = torch.log_softmax(fp32_nV, dim=1)
    cross_entropy = -(log_q_nV.gather(1, targets_n1).squeeze(1) * valid_n).sum()
    if temperature == 1:
        log_q_nK = log_q_nV.gather(1, ids_nK)
        gradient_nV = log_q_nV.exp_().mul_(scaled_n1 * (options.alpha + soft))
    else:
        gradient_nV = log_q_nV.exp_().mul_(scaled_n1 * options.alpha)
        # In place where it is a copy already.
        soft_nV = fp32_nV / temperature if fp32_nV is logits_nV else fp32_nV.div_(temperature)
        log_q_nK = soft_nV.gather(1, ids_nK)
        soft_nV = torch.softmax(soft_nV, dim=1)
        # The normaliser from the likeliest of the ids, whose probability is the furthest from none.
        q_nK = soft_nV.gather(1, ids_nK)
        best_n1 = q_nK.argmax(1, keepdim=True)
        log_q_nK = log_q_nK - (log_q_nK.gather(1, best_n1) - q_nK.gather(1, best_n1).log())
        gradient_nV.addcmul_(soft_nV, scaled_n1 * soft)
    divergence = torch.where(valid_n, -log_q_nK.mean(1) - kept.entropy_n, 0.0).sum()
    gradient_nV.scatter_add_(1, targets_n1, scaled_n1 * -options.alpha)
    gradient_nV.scatter_add_(1, ids_nK, (scaled_n1 * (-soft / ids_nK.shape[1])).expand_as(ids_nK))
    return cross_entropy, divergence, gradient_nV
