"""Programs that take their key from a file of its own, as a secret that is mounted: one line, mode 0600.

Where they are, and what they may call, can lie beside it as JSON, which has no secret.
"""

from fleethub.nodetypes.keyfile.kind import KeyFile

TYPES = (KeyFile(),)

__all__ = ["TYPES", "KeyFile"]
