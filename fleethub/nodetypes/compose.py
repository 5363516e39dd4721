"""The commands of Docker Compose that start and end a node which runs in containers."""

from __future__ import annotations

from collections.abc import Mapping

#: Starts what lies at a target as its operator wrote it: by the files that Compose takes by itself.
UP = ("docker", "compose", "up", "--detach")


def argv(paths: Mapping[str, str], *words: str) -> tuple[str, ...]:
    """A Compose command, run in the target's folder. The env file is named: it may lie elsewhere."""
    return ("docker", "compose", "--env-file", paths["env"], "-f", paths["compose"], *words)


def removal(project: str) -> tuple[str, ...]:
    """Ends a project and keeps its volumes and folders. By its name: its files may be gone or changed."""
    return ("docker", "compose", "--project-name", project, "down", "--remove-orphans") if project else ()


def removable() -> tuple[str, ...]:
    """Succeeds where a project can be ended."""
    return ("docker", "compose", "version")
