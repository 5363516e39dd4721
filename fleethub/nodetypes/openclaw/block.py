"""Checks of a node's block, before anything is rendered: its project, paths and URLs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from fleethub.model.consuming import Node
from fleethub.model.fleet import Fleet
from fleethub.nodetypes.endpoints import endpoints
from fleethub.nodetypes.openclaw import names
from fleethub.nodetypes.openclaw.checks import ConfigFinding

_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def check(node: Node, paths: Mapping[str, str], container: bool) -> Iterator[ConfigFinding]:
    """What the node's own fields say."""
    if container and not _PROJECT.fullmatch(names.project(node)):
        yield ConfigFinding(
            "node.config-check",
            f"{names.project(node)!r} is no name of a Compose project",
            "lower-case letters, digits, - and _",
        )
    yield from _check_paths(paths, node.manage == "whole")


def _check_paths(paths: Mapping[str, str], whole: bool) -> Iterator[ConfigFinding]:
    for role, path in paths.items():
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or not pure.parts or str(pure) != path or "\0" in path:
            yield ConfigFinding("node.config-check", f"files.{role} is {path!r}, not a plain path below the target")
        elif pure.parts[0] in (".fleethub", *(names.FOLDERS if whole else ())) and not _may(role, pure):
            hint = f"in workspace/ it can be {names.GUIDE} only" if role == "fleethub" else ""
            yield ConfigFinding(
                "node.config-check", f"files.{role} is {path!r}, but {pure.parts[0]}/ is not for it", hint
            )
    if len(set(paths.values())) < len(paths):
        yield ConfigFinding("node.config-check", "two of the node's files have the same path")


def _may(role: str, path: PurePosixPath) -> bool:
    """What may lie in OpenClaw's own folders: the config where it keeps it itself, and the text for its agents.

    Not deeper in ``state/``: what lies in there, its process could make a link.
    """
    return (role, str(path)) == ("fleethub", names.GUIDE) or (
        role == "openclaw" and path.parts[0] == "state" and len(path.parts) == 2
    )


def check_urls(fleet: Fleet, node: Node, container: bool) -> Iterator[ConfigFinding]:
    """What the chain leads to. In a container on another machine, loopback is the container itself."""
    for to in endpoints(fleet, node):
        if container and node.target.startswith("ssh://") and urlsplit(to.url).hostname in _LOOPBACK:
            yield ConfigFinding(
                "node.config-check",
                f"{to.url} of {to.label} is the container itself",
                "use the host's name, or host.docker.internal",
                warning=True,
            )
