"""vLLM: its share of each card, what of it is left for requests, and how many of them run at once."""
