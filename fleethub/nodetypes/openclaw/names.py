"""The names that FleetHub owns in a node's files, and where the files go."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import urlsplit

from fleethub.model.consuming import Node

#: Where a gateway listens: on its host, and always in its container.
PORT = 18789

#: Local ports of TangleClaw's tunnels, which it takes from 18789 on, one for each connection.
TUNNELS = range(18789, 18805)

IMAGE = "OPENCLAW_IMAGE"
TOKEN = "OPENCLAW_GATEWAY_TOKEN"  # noqa: S105
READONLY = "OPENCLAW_CONFIG_READONLY"

#: Set by FleetHub, in ``.env`` or in the compose file: the process must find its files where we put them.
PINS = (
    "HOME",
    "OPENCLAW_CONFIG_DIR",
    "OPENCLAW_CONFIG_PATH",
    "OPENCLAW_HOME",
    "OPENCLAW_STATE_DIR",
    "OPENCLAW_WORKSPACE_DIR",
)

#: What a gateway writes to, below its target.
FOLDERS = ("state", "workspace")

#: Where a node's agents find what FleetHub has to tell them: the one file of ours in their workspace. Its other names
#: are the agents' own, and in a folder below it the node's user could put a link in the folder's place.
GUIDE = "workspace/FLEETHUB.md"


def owned_variable(name: str) -> bool:
    """Whether ``[nodes.x.env]`` may not set it. COMPOSE_* would redirect Docker Compose itself."""
    return name in {IMAGE, TOKEN, READONLY, *PINS} or name.startswith(("FLEETHUB_", "COMPOSE_"))


def target_folder(target: str) -> str | None:
    """The target's absolute path on its machine; None where there is none (relative, ``~``)."""
    path = urlsplit(target).path if "://" in target else target
    return path.rstrip("/") or "/" if path.startswith("/") and not path.startswith("/~") else None


def folder(path: str) -> str:
    """The folder of a file, relative to the target: ``.`` or ``a/b``."""
    return str(PurePosixPath(path).parent)


def climb(path: str) -> str:
    """The way from a file's folder back to the target: ``.`` or ``..`` or ``../..``."""
    depth = len(PurePosixPath(path).parts) - 1
    return "/".join([".."] * depth) or "."


def project(node: Node) -> str:
    """The node's Compose project."""
    return node.project or f"openclaw-{node.name}"
