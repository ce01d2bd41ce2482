"""Token scoring, minimal pairs, perplexity, generation: returns results, draws nothing."""
