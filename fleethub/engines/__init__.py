"""The programs that serve models on a backend's GPUs, one folder each. Pure."""
