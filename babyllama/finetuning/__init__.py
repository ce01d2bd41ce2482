"""What is trained further and then measured: instruction tuning, and the classification tasks of GLUE."""
