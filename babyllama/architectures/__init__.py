"""Registry of model families: configuration to Hugging Face model, sizes without weights."""
