"""The proof of a key: each endpoint is asked with the key itself, before a node is told."""
