"""Carries a plan's steps out, phase by phase, and tells each step's outcome as an event."""

from fleethub.applying.run import apply

__all__ = ["apply"]
