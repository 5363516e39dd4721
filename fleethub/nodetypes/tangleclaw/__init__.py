"""Sessions that a TangleClaw starts with an orchestration profile: where their model is, and a key of their own.

Its ``orchestration-profiles.json`` is its operator's, and it has no API for it. It is read at each launch of a session.
"""

from fleethub.nodetypes.tangleclaw.kind import NAME, TangleClawProfiles

TYPES = (TangleClawProfiles(),)

__all__ = ["NAME", "TYPES", "TangleClawProfiles"]
