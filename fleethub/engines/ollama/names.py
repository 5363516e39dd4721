"""Ollama's names of models."""

from __future__ import annotations


def tagged(name: str) -> str:
    """Ollama's own form of a name: ``llama3`` is ``llama3:latest``."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
