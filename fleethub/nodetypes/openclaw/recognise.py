"""What an existing file at a node's target is, and by what that is seen: names only, never a value of a file."""

from __future__ import annotations

import re

from fleethub.dotenv import assignments
from fleethub.nodetypes.openclaw import json5

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KNOWN = ("gateway", "models", "agents", "channels", "auth", "tools", "session", "plugins")


def recognise(role: str, data: bytes) -> str:
    """What shows that a file is the one of that role; empty: nothing in it does."""
    if role == "key":
        return ""  # a key looks like any
    if role == "openclaw":
        root = json5.read(data)
        sections = [name for name in KNOWN if name in (root or {})]
        return f"its sections {', '.join(sections)}" if sections else ""
    text = data.decode(errors="replace")
    if role == "compose":
        if not re.search(r"^services:", text, re.MULTILINE):
            return ""
        image = re.search(r"^\s+image:.*openclaw", text, re.MULTILINE | re.IGNORECASE)
        return "its services:" + (", with an image of OpenClaw" if image else "")
    names = [name for name in assignments(text) if _VARIABLE.fullmatch(name)]
    ours = [name for name in names if name.startswith(("OPENCLAW_", "FLEETHUB_KEY_"))]
    if not names:
        return ""
    return f"its {len(names)} variables" + (f", {', '.join(ours[:4])} among them" if ours else "")
