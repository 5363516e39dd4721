"""Consumers that are no node: a key, and where it goes, planned and proved as a node's."""

from fleethub.kinds.consumer.kind import ConsumerKind

__all__ = ["ConsumerKind"]
