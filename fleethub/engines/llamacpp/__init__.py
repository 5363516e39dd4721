"""llama.cpp's server: what its command line allocates, what of it a request is given, and what does not fit."""
