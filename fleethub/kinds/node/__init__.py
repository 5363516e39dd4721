"""Nodes: all files of a gateway as one resource, delivered together."""

from fleethub.kinds.node.kind import NodeKind

__all__ = ["NodeKind"]
