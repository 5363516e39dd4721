"""OpenClaw gateways, in a container (``openclaw-docker``) or run by the operator (``openclaw-native``).

``wiring`` says where each step of a chain leads, ``config``, ``env`` and ``compose`` what the files hold,
``checks`` what OpenClaw's own validator does not catch, ``chain`` what a config on a node uses,
``consequence`` what a change of a file makes the gateway do.
"""

from fleethub.nodetypes.openclaw.kind import OpenClaw

docker = OpenClaw("openclaw-docker", container=True)
native = OpenClaw("openclaw-native", container=False)

__all__ = ["OpenClaw", "docker", "native"]
