"""The optimizer, its schedule and regularisation."""

from __future__ import annotations

from typing import Annotated, Literal

from babyllama.config.types import Fraction, NotNegative, Optional_, Positive, Probability, Section, Text


class OptimizationSection(Section):
    """The optimizer, its schedule and regularisation."""

    optimizer: Text = "adamw"
    """`adamw`, or `muon`, which uses Muon for the 2-D hidden matrices and AdamW for embeddings, output layer and norms."""
    muon_lr: Positive = 0.02
    """Peak learning rate of the matrices under Muon."""
    muon_momentum: Probability = 0.95
    """Momentum of Muon."""
    schedule: Literal["cosine", "linear", "constant", "wsd"] = "cosine"
    """Learning rate after warm-up; `wsd` stays constant and cools down linearly over the last part."""
    cooldown_fraction: Fraction = 0.2
    """Part of the run over which `wsd` cools down."""
    min_lr_ratio: Fraction = 0.0
    """Lowest learning rate as a part of the peak."""
    weight_decay: NotNegative = 0.1
    """Decoupled weight decay on matrices; never on norms and biases."""
    adam_beta1: Probability = 0.9
    """AdamW: decay of the mean of gradients."""
    adam_beta2: Probability = 0.999
    """AdamW: decay of the mean of squared gradients."""
    adam_epsilon: Positive = 1e-8
    """AdamW: added to the denominator."""
    max_grad_norm: NotNegative = 1.0
    """Gradients longer than this are scaled down; 0 turns clipping off."""
    label_smoothing: Probability = 0.0
    """Part of the target probability spread over the vocabulary."""
    z_loss: NotNegative = 0.0
    """Weight of the squared log-normaliser (Chowdhery et al. 2022, https://arxiv.org/abs/2204.02311; PaLM uses 1e-4)."""
    ema_decay: Annotated[Probability | None, Optional_] = None
    """Keep an exponential moving average of the weights with this decay and ship it as the final model."""
