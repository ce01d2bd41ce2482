"""Configuration to Trainer: precision, optimizers, losses, callbacks, checkpoints, resume."""
