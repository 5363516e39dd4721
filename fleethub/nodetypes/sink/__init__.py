"""Programs that take a key on standard input and keep it: a password manager, a secret store of a cluster.

Nothing of FleetHub's lies there. What is handed over is rendered as a file is, and never becomes one.
"""

from fleethub.nodetypes.sink.kind import KeySink

TYPES = (KeySink(),)

__all__ = ["TYPES", "KeySink"]
