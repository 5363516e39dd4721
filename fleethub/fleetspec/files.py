"""What a front end may offer of the types of node: their names, and the files that a node may have already."""

from __future__ import annotations

from fleethub import nodetypes


def registrable_files() -> dict[str, str]:
    """Where each file that can be taken in usually lies, by role, sorted."""
    return {role: file.usual[0] for role, file in nodetypes.files().items() if file.usual}


def type_names() -> tuple[str, ...]:
    """The types of node, the default first."""
    return (nodetypes.DEFAULT, *(name for name in nodetypes.writable() if name != nodetypes.DEFAULT))
