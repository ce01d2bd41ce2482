"""Raw text: sources, domain cleaners, round-robin mixing, synthetic text."""
