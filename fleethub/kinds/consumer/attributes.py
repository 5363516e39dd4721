"""What is compared of a consumer whose key is handed to a command. Of the others it is what is compared of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleethub.kinds.node.attributes import NodeAttrs, NodeTelemetry
from fleethub.model.attributes import STRICT
from fleethub.model.dataclass import dataclass

if TYPE_CHECKING:
    from fleethub.kinds.node.attributes import NodeState


@dataclass(frozen=True, slots=True)
class SinkAttrs(NodeAttrs):
    """``value``: the key, ``given``: all that its command gets, as fingerprints; None: not known.

    ``command`` with its placeholders; ``generation`` of the key; ``stop`` takes it away again. ``given_at``: when it
    was handed over last (ISO 8601, UTC).
    """

    __pydantic_config__ = STRICT

    value: str | None = None
    given: str | None = None
    base_url: str = ""
    command: tuple[str, ...] = ()
    generation: int = 1
    given_at: str | None = None


@dataclass(frozen=True, slots=True)
class SinkTelemetry(NodeTelemetry):
    """``read``: a check told what is there; else it is what was handed over last."""

    read: bool = False


def is_sink(item: NodeState) -> bool:
    """Whether its key is handed to a command: as it is wanted, else as it was."""
    if item.want is not None:
        return isinstance(item.want.attrs, SinkAttrs)
    locked = item.locked
    sides = (locked.attrs, locked.pending.attrs if locked.pending else None) if locked else ()
    return any(isinstance(side, SinkAttrs) for side in sides)


def sink_attrs(attrs: NodeAttrs | None) -> SinkAttrs | None:
    """Attributes, where they are of this sort."""
    return attrs if isinstance(attrs, SinkAttrs) else None
