"""What is learned from a batch: one file an objective, registered in `babyllama.config.tables.OBJECTIVES`."""

from babyllama.training.objectives.base import Batch, Objective, Sums

__all__ = ["Batch", "Objective", "Sums"]
