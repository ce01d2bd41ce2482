"""BabyLlama: train small language models from scratch, from raw text to a scored Hugging Face model."""

__version__ = "0.1.0"
