"""How this tree reads a lockfile's text, for ``tests.bench.against``: other commits may have it elsewhere."""

from fleethub.lockfile.text import load as read

__all__ = ["read"]
