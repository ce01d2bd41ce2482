"""Documents to token blocks on disk to what a Trainer reads."""
