"""What a type of node has to say about its files. Everything here is a function of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from fleethub.model.actions import Check
from fleethub.model.facts import HostReading
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet, Node
from fleethub.model.secret import Text

Role = Literal["env", "compose", "openclaw", "fleethub"]

#: The order in which a node's files are rendered and, on the node, renamed into place. ``fleethub`` is a text for the
#: node's own agents: no process depends on it.
ROLES: tuple[Role, ...] = ("env", "compose", "openclaw", "fleethub")


class Unwired(ValueError):
    """A node whose chain names something that the fleet does not define; the spec's checks say it earlier."""


class NodeType(Protocol):
    """One type of node."""

    @property
    def name(self) -> str:
        """What the spec writes as ``type`` and what its folder of templates is called."""

    def roles(self, node: Node) -> tuple[Role, ...]:
        """The files that a node has, in the order of ``ROLES``."""

    @property
    def tools(self) -> tuple[str, ...]:
        """The programs on its machine that run it."""

    def templates(self) -> Mapping[Role, str]:
        """File name of each role's template."""

    def paths(self, node: Node) -> Mapping[Role, str]:
        """Where each file goes, relative to the target."""

    def modes(self) -> Mapping[Role, int]:
        """Permission bits of each file."""

    def folders(self, node: Node) -> tuple[str, ...]:
        """Folders below the target that must exist, belonging to the node's uid, before it is activated."""

    def context(self, fleet: Fleet, node: Node) -> Mapping[str, object]:
        """All that templates get to see; secrets in it are slots. Raises ``Unwired``."""

    def precheck(self, fleet: Fleet, node: Node) -> tuple[Finding, ...]:
        """What is wrong with the node's block, before anything is rendered."""

    def finish(self, role: Role, node: Node, text: Text) -> Text:
        """The final text of a rendered file; raises ValueError when it is not what the file must be."""

    def schema(self, node: Node) -> str:
        """File name of the published JSON Schema that the node's config is held against; empty: none is known."""

    def check(
        self, fleet: Fleet, node: Node, files: Mapping[Role, Text], schema: Mapping[str, Any] | None = None
    ) -> tuple[Finding, ...]:
        """What FleetHub itself finds wrong with the rendered files; ``schema`` where it is at hand."""

    def chain(self, config: bytes) -> tuple[str, ...] | None:
        """The models that a config on a node uses, primary first; None: it cannot be read."""

    def consequence(self, role: Role, node: Node, before: bytes | None = None, after: bytes | None = None) -> str:
        """What the node will do when this file changes."""

    def activation(self, node: Node) -> tuple[str, ...]:
        """The command, run at the target, that makes the node use its files; empty: none is known."""

    def project(self, node: Node) -> str:
        """What the node's processes are grouped under on its machine; empty: nothing groups them."""

    def validation(self, node: Node) -> tuple[Check, ...]:
        """The commands on the node that judge a set of files before it is put in place."""

    def machine(self, node: Node, reading: HostReading, applied: bool) -> tuple[Finding, ...]:
        """What on the node's machine is in its way; ``applied``: FleetHub has put the node there before."""
