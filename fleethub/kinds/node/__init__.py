"""Nodes: all files of a gateway as one resource, delivered together."""

from fleethub.kinds.node.kind import NodeKind
from fleethub.kinds.node.merging import sample

__all__ = ["NodeKind", "sample"]
