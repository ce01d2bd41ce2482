"""Which blocks a step reads: the arithmetic of steps, the order of an epoch, the loaders."""
