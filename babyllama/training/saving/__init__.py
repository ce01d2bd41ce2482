"""What a run writes besides its records: checkpoints and model folders."""
