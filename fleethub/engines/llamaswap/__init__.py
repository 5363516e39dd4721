"""llama-swap: which of its models may be resident together, by its groups or its matrix, and what that takes."""
