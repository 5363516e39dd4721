"""What a node's compose file holds, and the commands that act on it.

Paths in it are relative to its own folder, as Compose reads them; so are those of ``env_file`` and mounts.
"""

from __future__ import annotations

from collections.abc import Mapping

from fleethub.model.fleet import Node
from fleethub.nodetypes.interface import Role
from fleethub.nodetypes.openclaw.config import CONTAINER_PORT
from fleethub.nodetypes.openclaw.names import climb, folder, project

#: Where the folder of ``openclaw.json`` is mounted in the container.
CONFIG_HOME = "/etc/openclaw"


def context(node: Node, paths: Mapping[Role, str]) -> dict[str, object]:
    """Values for the template."""
    up = climb(paths["compose"])
    config = paths["openclaw"]
    return {
        "project": project(node),
        "port": {"host": node.port, "container": CONTAINER_PORT},
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


def removal(project: str) -> tuple[str, ...]:
    """Ends a project and keeps its volumes and folders. By its name: its files may be gone or changed."""
    return ("docker", "compose", "--project-name", project, "down", "--remove-orphans") if project else ()


def removable() -> tuple[str, ...]:
    """Succeeds where a project can be ended."""
    return ("docker", "compose", "version")


def _join(up: str, path: str) -> str:
    return up if path == "." else f"{up}/{path}"


def argv(paths: Mapping[Role, str], *words: str) -> tuple[str, ...]:
    """A Compose command, run in the target's folder. The env file is named: it may lie elsewhere."""
    return ("docker", "compose", "--env-file", paths["env"], "-f", paths["compose"], *words)
