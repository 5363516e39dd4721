"""OpenClaw gateways, in a container (``openclaw-docker``) or run by the operator (``openclaw-native``).

``table`` is what the spec may say of one, ``files`` which files it has, ``wiring`` where each step of a chain leads,
``config``, ``env`` and ``compose`` what the files hold, ``checks`` what OpenClaw's own validator does not catch,
``chain`` what a config on a node uses, ``consequence`` what a change of a file makes the gateway do.
"""

from fleethub.nodetypes.openclaw.kind import OpenClaw

TYPES = (OpenClaw("openclaw-docker", container=True), OpenClaw("openclaw-native", container=False))

__all__ = ["TYPES", "OpenClaw"]
