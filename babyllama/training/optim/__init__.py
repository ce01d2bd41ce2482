"""How weights change: optimizers, learning-rate schedule, average of the weights."""
