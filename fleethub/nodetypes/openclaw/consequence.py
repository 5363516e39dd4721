"""What OpenClaw does when one of its files changes (measured on 2026.9.6, and its page on hot reload)."""

from __future__ import annotations

import shlex

from fleethub.model.consuming import Node
from fleethub.nodetypes.openclaw import json5

HOT = "hot reload"
RESTART = "gateway restart"
RECREATED = "container recreated"
TOLD = "key reloaded while it runs, proved by a turn"
TELL = "read by `openclaw secrets reload`, which whoever runs it types"
READ = "read at the next session"

#: Settings that the gateway cannot take over while it runs; it restarts itself.
COLD = (("port",), ("bind",), ("customBindHost",), ("mode",), ("auth", "mode"), ("tailscale",), ("tls",))


def consequence(role: str, node: Node, container: bool, before: bytes | None, after: bytes | None) -> str:
    """``before`` and ``after`` of ``openclaw.json`` tell a hot reload from a restart; without them: hot."""
    if role == "openclaw":
        return RESTART if before is not None and after is not None and _cold(before, after) else HOT
    if role == "fleethub":
        return READ
    if role == "key" and "://" not in node.target:
        return TELL
    if container:
        return RECREATED
    return f"restart by {shlex.join(node.command)}" if node.command else "restart by hand"


def _cold(before: bytes, after: bytes) -> bool:
    old, new = json5.read(before), json5.read(after)
    if old is None or new is None:
        return True
    return any(json5.at(old, "gateway", *path) != json5.at(new, "gateway", *path) for path in COLD)
