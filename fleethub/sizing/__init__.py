"""How many bytes a model takes, from its GGUF metadata: pure arithmetic that knows no engine."""
