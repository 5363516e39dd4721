"""What is done to a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from fleethub.model.actions import Query, SetCheck
from fleethub.model.dataclass import dataclass
from fleethub.model.observation import Found, Source
from fleethub.model.secret import Blob, Slot, Text
from fleethub.nodetypes import Format
from fleethub.nodetypes.projection import Projection


@dataclass(frozen=True, slots=True)
class Merge:
    """FleetHub's part of a file that is somebody else's, and the file as the plan saw it; None: there is none."""

    format: Format
    projection: Projection
    there: Blob | None


@dataclass(frozen=True, slots=True)
class NodeFile:
    """One file of a node; ``mode`` as in chmod.

    ``merge``: its bytes are made from what is there when it is delivered; ``text`` is empty then. ``digest``: what the
    node's mark says of it.
    """

    path: str
    text: Text
    mode: int
    merge: Merge | None = None
    digest: str = ""

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The secrets that it needs."""
        if self.merge is None:
            return self.text.slots
        return tuple(slot for v in self.merge.projection.values.values() if isinstance(v, Text) for slot in v.slots)


@dataclass(frozen=True, slots=True)
class Deliver:
    """Put a node's files in place, all or none visible as the set they are, with the mark last.

    ``restart``: the process must be a new one before it uses the set. ``activated``: the rename is all it takes.
    """

    operation: ClassVar[str] = "node.deliver"
    says: ClassVar[str] = "deliver"

    source: Source
    files: tuple[NodeFile, ...]
    generation: int
    folders: tuple[str, ...] = ()  # below the target, made when missing, belonging to ``uid``
    uid: int = 1000
    expects: Mapping[str, Blob | None] = field(default_factory=dict)  # path -> what the plan saw there
    stale: Mapping[str, Blob] = field(default_factory=dict)  # path -> what lies there and is no longer part of it
    keep: frozenset[str] = frozenset()  # paths that lie there as wanted
    private: frozenset[str] = frozenset()  # paths that belong to ``uid``
    owners: frozenset[str] = frozenset()  # paths that are somebody else's, or were until now: he gets back what he had
    checks: tuple[SetCheck, ...] = ()
    restart: bool = True
    activated: bool = True
    port: int = 0
    found: Found = field(default_factory=dict)  # what its mark says it was before FleetHub


@dataclass(frozen=True, slots=True)
class Activate:
    """Make a node's process use its set: run ``argv`` at the target, wait for its health, write ``activated``.

    ``hot``: the running gateway takes the set over by itself, ``argv`` only starts one that does not answer.
    ``fresh``: what answers must be another process than before. ``tell`` makes it take over what it must be told of,
    and of ``turns`` one must succeed.
    """

    operation: ClassVar[str] = "node.activate"
    says: ClassVar[str] = "activate"

    source: Source
    argv: tuple[str, ...]
    port: int
    timeout: float  # seconds until it must answer
    generation: int
    files: tuple[NodeFile, ...] = ()  # the set
    hot: bool = False
    fresh: bool = True
    path: str = "/healthz"  # what it must answer at the port on its machine's loopback; port 0: it is not asked
    tell: Query | None = None
    turns: tuple[Query, ...] = ()
    ended: tuple[str, ...] = ()  # targets where it was ended before
    found: Found = field(default_factory=dict)  # as in ``Deliver``


@dataclass(frozen=True, slots=True)
class StopNode:
    """End a node's process where it was, before it starts elsewhere: run ``argv`` at the target; its files stay.

    ``when``: without its success nothing there can end it. ``there``: all that the plan saw at its paths, whose values
    nothing that ``argv`` says shows.
    """

    operation: ClassVar[str] = "node.stop"
    says: ClassVar[str] = "stop"

    source: Source
    argv: tuple[str, ...]
    when: tuple[str, ...] = ()
    there: Mapping[str, Blob] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CopyFolders:
    """Copy what a node keeps itself from where it was, where it stays; ``own``: paths that are FleetHub's in it."""

    operation: ClassVar[str] = "node.copy"
    says: ClassVar[str] = "copy its folders"

    source: Source
    origin: Source
    folders: tuple[str, ...]
    own: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settle:
    """Wait until a node has run on its new set for ``seconds``; shared by all nodes that settle together."""

    operation: ClassVar[str] = "node.settle"
    says: ClassVar[str] = "settle"

    seconds: float
    delivered: str | None  # the step that delivered; None: ``since`` tells
    since: str | None = None


@dataclass(frozen=True, slots=True)
class RemoveNode:
    """Run ``argv`` at the target, remove files that still are as the plan saw them, then the mark; others stay.

    ``when``: without its success ``argv`` cannot be run there, and is not. ``by_hand`` says what a human ends there,
    where nothing was run. ``there``: all that the plan saw at its paths, whose values nothing that ``argv`` says shows.
    """

    operation: ClassVar[str] = "node.remove"
    says: ClassVar[str] = "remove"

    source: Source
    files: Mapping[str, Blob]
    argv: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    by_hand: str = ""
    there: Mapping[str, Blob] = field(default_factory=dict)
    found: Found = field(default_factory=dict)  # what it was before FleetHub, which is put back first
    modes: Mapping[str, int] = field(default_factory=dict)
