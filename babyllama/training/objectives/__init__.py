"""What is learned from a batch: one file an objective, registered in `babyllama.config.tables.OBJECTIVES`."""
