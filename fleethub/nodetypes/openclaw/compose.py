"""What a node's compose file holds.

Paths in it are relative to its own folder, as Compose reads them; so are those of ``env_file`` and mounts.
"""

from __future__ import annotations

from collections.abc import Mapping

from fleethub.model.consuming import Node
from fleethub.nodetypes.openclaw.names import PORT, climb, folder, project

#: Where the folder of ``openclaw.json`` is mounted in the container.
CONFIG_HOME = "/etc/openclaw"


def context(node: Node, paths: Mapping[str, str]) -> dict[str, object]:
    """Values for the template."""
    up = climb(paths["compose"])
    config = paths["openclaw"]
    return {
        "project": project(node),
        "port": {"host": node.port, "container": PORT},
        "paths": {
            "env": _join(up, paths["env"]),
            "config_folder": _join(up, folder(config)),
            "config_file": f"{CONFIG_HOME}/{config.rpartition('/')[2]}",
            "config_home": CONFIG_HOME,
            "state": _join(up, "state"),
            "workspace": _join(up, "workspace"),
        },
        "readonly": node.manage == "whole",
    }


def _join(up: str, path: str) -> str:
    return up if path == "." else f"{up}/{path}"
