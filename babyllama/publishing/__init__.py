"""What leaves the house: a run on the Hugging Face Hub, and as GGUF."""
