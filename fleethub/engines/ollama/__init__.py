"""Ollama: its settings, its scheduler's rules, and what it makes of a load."""
