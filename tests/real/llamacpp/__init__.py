"""Real loads by a real llama.cpp (``xllamacpp`` from PyPI), of GGUF files made on the spot at real widths."""
